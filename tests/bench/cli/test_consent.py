"""Reading results runs nothing that they name: a folder may come from anybody."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.results.store import Begun, Store
from bench.settings import Cell
from tests.bench.cli.conftest import Outcome
from tests.bench.pictures.trained import finish
from tests.bench.results.samples import RUN, cell, record

Bench = Callable[..., Outcome]

MODULE = """
from pathlib import Path
Path("ran").touch()
from tasks.latent_variables.lda import LDA
class Task(LDA):
    def __init__(self, topics: int = 3, side: int = 2, length: int = 5, n: int = 8, part: str = "") -> None:
        super().__init__(topics, side=side, length=length, n=n)
        if part:
            __import__(part.partition(":")[0])
class Estimator:
    pass
"""
SMALL = {"topics": 3, "side": 2, "length": 5, "n": 8}
NAMED: dict[str, Cell] = {
    "task": cell(task="stranger:Task", task_parameters=SMALL),
    "task of a Greek module": cell(task="σtranger:Task", task_parameters=SMALL),
    "class that is no word": cell(task="stranger:1", task_parameters=SMALL),
    "estimator": cell(estimator="stranger:Estimator", estimator_parameters={}),
    "parameter of a task": cell(task="lda", task_parameters={**SMALL, "model": "stranger:model"}),
    "parameter of an estimator": cell(estimator_parameters={"of": "stranger:Estimator"}),
}
NO_SPEC = cell(task="stranger:Task)(", estimator="reinforce) (a=stranger:b", estimator_parameters={})
READ = (
    ("status",),
    *[("table", "--what", what) for what in ("gradients", "final", "training", "runs")],
    ("table", "--across", "task"),
    ("plot", "variance"),
    ("plot", "elbo"),
    ("samples",),
    ("compare", "results", "results"),
)


@pytest.fixture
def stranger(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that is there once the module `stranger` of the working folder has run."""
    for name in ("stranger", "σtranger"):
        Path(f"{name}.py").write_text(MODULE)
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Path("ran")


@pytest.mark.parametrize("named", [[*NAMED.values()], [NO_SPEC]], ids=["specs", "no spec"])
def test_no_command_that_reads_runs_what_is_named(bench: Bench, stranger: Path, named: list[Cell]) -> None:
    store = Store("results")
    store.write_run(dataclasses.replace(RUN, cells=[]))
    for made in named:
        store.write(record(made))
        store.begin(Begun(dataclasses.replace(made, seed=1), RUN.run))
    for command in READ:
        outcome = bench(*command)
        assert outcome.code != 70, outcome.err
        assert not stranger.exists(), command


def test_pictures_of_somebodys_task_are_drawn_where_its_module_is_named(bench: Bench, stranger: Path) -> None:
    cell_folder = finish(Path("results"), "lda(topics=3, side=2, length=5, n=8)")
    Store("results").write(record(NAMED["task"]))
    theirs = Store("results").parameters_path(NAMED["task"])
    theirs.write_bytes((cell_folder / "parameters.pt").read_bytes())
    left_out = bench("samples")
    assert left_out.code == 0
    assert "task 'stranger:Task' is not shown: results name stranger, which is not varbench's" in left_out.err
    assert len([line for line in left_out.out.splitlines() if line.endswith(".pdf")]) == 1
    assert not stranger.exists()
    alone = bench("samples", str(theirs.parent))
    assert (alone.code, "add `--plugin stranger` if you trust it" in alone.err) == (2, True)
    both = bench("samples", "--plugin", "stranger")
    assert both.code == 0, both.err
    assert len([line for line in both.out.splitlines() if line.endswith(".pdf")]) == 2
    assert stranger.exists()


def test_to_name_one_module_is_not_to_name_what_its_parameters_name(bench: Bench, stranger: Path) -> None:
    made = cell(task="stranger:Task", task_parameters={**SMALL, "part": "σtranger:Task"})
    Store("results").write(record(made))
    outcome = bench("samples", "--plugin", "stranger")
    assert (outcome.code, "add `--plugin σtranger` if you trust it" in outcome.err) == (2, True)
    assert not stranger.exists()


def test_compare_says_of_whom_it_assumes_nothing(bench: Bench, stranger: Path) -> None:
    Store("results").write(record(NAMED["task"]))
    outcome = bench("compare", "results", "results")
    assert "stranger is not varbench's and is not imported" in outcome.err
    assert "--plugin stranger" in outcome.err
    assert "--plugin" not in bench("compare", "results", "results", "--plugin", "stranger").err
    assert stranger.exists()
