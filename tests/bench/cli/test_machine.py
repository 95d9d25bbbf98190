"""What a machine lacks is the run's trouble, and no cell's: it stops, says so, and goes on when that is mended."""

import builtins
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from bench.errors import MachineTrouble, machine_trouble
from bench.execution import run_cells
from bench.measure import chunk
from bench.results.atomic import replacing
from bench.results.store import Store
from tests.bench.cli.conftest import Outcome
from tests.bench.results.samples import record

Bench = Callable[..., Outcome]

RUN = (
    "run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--steps", "2", "--replicates", "40",
    "--checkpoints", "2", "--evaluation-samples", "5", "--out", "R",
)  # fmt: skip
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 40)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what lets the disk be full for files that are called so."""
    opened, full = Path.open, [""]

    def open_(path: Path, mode: str = "r", *more: Any, **how: Any) -> Any:
        if mode == "xb" and full[0] and full[0] in path.name:
            path.touch()
            return opened(FULL, "wb")
        return opened(path, mode, *more, **how)

    monkeypatch.setattr(Path, "open", open_)
    return lambda name: full.__setitem__(0, name)


@needs_full
@pytest.mark.parametrize(
    ("file", "seeds"), [("checkpoint.pt", "0"), ("checkpoint.pt", "0-1"), ("parameters.pt", "0-1"), ("final.csv", "0")]
)
def test_a_full_disk_ends_the_run_and_no_cell(
    bench: Bench, full_disk: Callable[[str], None], file: str, seeds: str
) -> None:
    full_disk(file)
    outcome = bench(*RUN, "--seeds", seeds)
    assert outcome.code == 5, outcome.err
    (said,) = [line for line in outcome.err.splitlines() if line.startswith("Error")]
    assert (
        f"{file}: No space left on device; finished cells are kept; once this is fixed, the same command continues"
        in said
    )
    assert not list(Path("R").rglob("*.tmp"))
    assert not [record for record in Store("R").records() if record.status == "failed"]
    full_disk("")
    assert bench(*RUN, "--seeds", seeds).code == 0
    assert {record.status for record in Store("R").records()} == {"done"}


@needs_full
def test_it_is_the_disk_where_torch_finds_a_position_unexpected(
    tmp_path: Path, full_disk: Callable[[str], None]
) -> None:
    full_disk("a.pt")
    with (
        pytest.raises(MachineTrouble, match=r"cannot write .*a.pt: No space left on device"),
        replacing(tmp_path / "a.pt") as file,
    ):
        torch.save({"w": torch.zeros(100_000)}, file)


def test_an_error_of_the_block_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="mine"), replacing(tmp_path / "a"):
        raise RuntimeError("mine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS, errno.EIO])
def test_wherever_it_is_met_it_is_the_machine(bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def broken(*_: Any) -> Iterator[Any]:
        raise OSError(number, os.strerror(number), "somewhere")

    monkeypatch.setattr(run_cells, "_to_their_ends", broken)
    outcome = bench(*RUN)
    assert outcome.code == 5
    assert f"Error: somewhere: {os.strerror(number)}; finished cells are kept" in outcome.err
    assert not list(Store("R").records())


@pytest.mark.parametrize(
    ("error", "is_trouble"),
    [
        (FileNotFoundError(errno.ENOENT, "gone", "/out/R/a"), True),
        (PermissionError(errno.EACCES, "denied", "/out/R/task/b"), True),
        (FileNotFoundError(errno.ENOENT, "gone", "/home/mine.csv"), False),
        (PermissionError(errno.EACCES, "denied", "/home/mine.csv"), False),
        (ValueError("no"), False),
        (OSError("a library's, without a number"), False),
    ],
)
def test_a_cells_own_files_are_its_own_matter(error: Exception, is_trouble: bool) -> None:
    assert (machine_trouble(error, Path("/out/R")) is not None) is is_trouble


def test_a_read_only_folder_is_said_in_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Store("R").write(record())

    def refused(path: Path, *_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def open_(path: Path, mode: str = "r", *more: Any, **how: Any) -> Any:
        return refused(path) if mode == "xb" else builtins.open(path, mode, *more, **how)

    monkeypatch.setattr(Path, "open", open_)
    monkeypatch.setattr(Path, "unlink", refused)
    outcome = bench("plot", "variance", "R")
    assert outcome.code == 5
    assert "Error: cannot write variance.pdf: Read-only file system" in outcome.err
