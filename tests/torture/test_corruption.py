"""Damaged files of every kind: refused in a sentence, or read as they were; a rerun mends them. See corruption.py."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.execution.kept import kept
from bench.measure import chunk
from bench.regression.table import read_table
from bench.results.parameters import written
from bench.results.store import read_begun, read_record, read_run
from bench.results.tensors import load_tensors
from bench.training.restoring import Unfit
from tests.torture.corruption_damage import damages
from tests.torture.corruption_folder import KINDS, files

_MODULE: Final = (sys.executable, "-m", "tests.torture.corruption")
_REPOSITORY: Final = Path(__file__).resolve().parents[2]

READ: Final[dict[str, Callable[[Path], Any]]] = {
    "record": read_record,
    "note of a run": read_run,
    "note of a cell begun": lambda path: read_begun(path.parent),
    "checkpoint": kept,
    "trajectory": kept,
    "chunks": chunk._FINDINGS.read_from,
    "kept moments": lambda path: read_table(path.parent),
}
"""What reads the files of a kind; parameters are read with what their record tells."""

WITHOUT_DIGEST: Final = ("chunks", "kept moments")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_REPOSITORY)}
    return subprocess.run([*_MODULE, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the whole folder, after a trial of each kind of file has passed on copies of it."""
    folder = tmp_path_factory.mktemp("corruption") / "made"
    done = _run("--trials", str(len(KINDS)), "--bytes", "100", "--made", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(KINDS)} trials" in done.stdout
    return folder


def test_every_file_of_the_folder_is_of_a_kind_that_is_damaged(made: Path) -> None:
    found = files(made)
    assert all(found.values()), {kind: len(paths) for kind, paths in found.items()}
    known = [path for paths in found.values() for path in paths]
    assert len(known) == len(set(known))
    assert {path for path in made.rglob("*") if path.is_file()} == set(known)


@pytest.mark.parametrize("kind", [*READ, "parameters"])
def test_a_damaged_file_is_refused_or_what_it_was(kind: str, made: Path, tmp_path: Path) -> None:
    """Of a file with a digest that no program has made fit, nothing else than what was written is ever read."""
    whole = files(made)[kind]
    names = sorted(damages(kind))

    @settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(names), st.integers(0, 2**32))
    def check(name: str, seed: int) -> None:
        chance = random.Random(seed)
        source = chance.choice(whole)
        path = tmp_path / source.relative_to(made)
        _clear(path)
        path.write_bytes(source.read_bytes())
        read = READ.get(kind) or _with_parameters(source)
        before = str(read(path))
        damages(kind)[name](chance, path, [other for other in whole if other != source])
        try:
            after = str(read(path))
        except (BenchError, Unfit, FileNotFoundError):
            return
        may_differ = name.endswith("sealed") or kind in WITHOUT_DIGEST or after == "None"
        bare = kind in ("checkpoint", "trajectory") and name in ("a bare tensor", "another archive")
        is_old = b'"schema_version": 5' in source.read_bytes()[:40]
        assert after == before or may_differ or bare or is_old, f"{name}, random.Random({seed})"
        assert after != "None" or name == "deleted"

    check()


def _with_parameters(source: Path) -> Callable[[Path], Any]:
    told = written(source.read_bytes())
    return lambda path: load_tensors(path, told)


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            inside.unlink()
        path.rmdir()
    path.unlink(missing_ok=True)
