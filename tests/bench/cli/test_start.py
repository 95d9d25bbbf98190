"""What a command imports: a reader of results waits for no torch, and a toy for nothing that it does not need."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.execution.grids import environment

LEFT_OUT = (
    *("torch._dynamo", "torch._inductor", "scipy.stats", "sklearn", "matplotlib", "seaborn", "tueplots", "PIL"),
    *("altair", "vl_convert", "pyro", "dask", "distributed", "submitit", "mlxtend", "pooch", "requests"),
)
"""Of no use to a toy: each takes some tenth of a second, or more."""

LEARNED = ("torch", "pandas", "pyarrow", "scipy", "numpy", *LEFT_OUT)
"""Of no use to whoever asks for names and states."""

SMALL = ("--steps", "20", "--replicates", "40", "--checkpoints", "2", "--evaluation-samples", "5")
TOY = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", *SMALL)


def imported(folder: Path, words: Sequence[str], of: Sequence[str]) -> set[str]:
    """Return which modules a command has imported at its end."""
    at_exit = f"open('imported', 'w').write(' '.join({{*{of!r}}} & {{*sys.modules}}))"
    code = f"import atexit, sys; atexit.register(lambda: {at_exit}); from bench.cli import main; main()"
    command = [sys.executable, "-c", code, *words]
    ended = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout
    return set((folder / "imported").read_text().split())


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A folder in which a toy was run, and what that has imported of what it does not need."""
    folder = tmp_path_factory.mktemp("toy")
    found = imported(folder, TOY, LEFT_OUT)
    for words in (("status",), ("info", "reinforce")):
        # The first of these on a machine asks the classes, and remembers what they say.
        imported(folder, words, ())
    return folder, found


def test_a_toy_imports_nothing_that_it_does_not_need(toy: tuple[Path, set[str]]) -> None:
    assert toy[1] == set()


@pytest.mark.parametrize(
    "words",
    [("--help",), ("--version",), ("run", "--help"), ("list",), ("status",), ("info", "reinforce"), ("info", "--help")],
    ids=" ".join,
)
def test_names_and_states_wait_for_nothing_large(toy: tuple[Path, set[str]], words: Sequence[str]) -> None:
    folder, _ = toy
    assert imported(folder, words, LEARNED) == set()


@pytest.mark.parametrize(
    "words",
    [("table",), ("table", "--what", "final"), ("results", "validate"), ("results", "clean", "--dry-run")],
    ids=" ".join,
)
def test_who_reads_results_waits_for_no_torch(toy: tuple[Path, set[str]], words: Sequence[str]) -> None:
    folder, _ = toy
    assert imported(folder, words, ("torch", *LEFT_OUT)) == set()
