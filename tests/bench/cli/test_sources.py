"""An edited module of one's own makes new results, from the command line."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bench as varbench
from bench.results.store import Store
from tests.bench.cli.conftest import Outcome
from tests.bench.results.samples import of_version

Bench = Callable[..., Outcome]

MINE = """
import torch
from torch import nn
from torch.distributions import Independent, Normal
from near import SCALE
from tasks.base import Data, Guide, Model, Task

class G(Guide):
    def __init__(self):
        super().__init__()
        self.m = nn.Parameter(torch.zeros(2))
    def forward(self, x, draw):
        draw("z", Independent(Normal(self.m.expand(x.shape[0], 2), 1.0), 1))

class M(Model):
    def forward(self, x, z):
        return SCALE * (z["z"] ** 2).sum(-1)

class Toy(Task):
    target, maximise, dtype = "expectation", False, torch.float64
    references = {"expectation": "reparam"}
    def __init__(self):
        super().__init__()
        self.guide, self.model = G(), M()
    def load(self):
        n = torch.zeros(1, 0, dtype=torch.float64)
        return Data(n, n, "none")
"""
RUN = (
    "run", "--task", "mine:Toy", "--estimator", "reinforce", "--estimator", "reparam", "--steps", "2",
    "--checkpoints", "1", "--replicates", "40",
)  # fmt: skip


def write(scale: float) -> None:
    """Write the task and a module that it imports, as a new process would find them."""
    Path("mine.py").write_text(MINE)
    Path("near.py").write_text(f"SCALE = {scale}\n")
    forget()


def forget() -> None:
    for name in ("mine", "near"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def unwritten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write no byte code, whose age in whole seconds hides an edit, and forget the modules of a test."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    forget()


def test_an_edit_of_a_module_that_a_task_imports_is_seen(bench: Bench) -> None:
    write(1.0)
    assert bench(*RUN).code == 0
    before = varbench.load("results").final
    assert set(before.task_source.str.startswith("mine with 1 more, sha256 ")) == {True}
    assert set(before.estimator_source) == {""}
    assert bench(*RUN).err.count("done already, not run again") == 2
    write(2.0)
    assert "2 of 2 cells would run" in bench(*RUN, "--dry-run").out
    told = bench(*RUN)
    assert told.err.count("run again, since mine:Toy has changed: it was mine with 1 more, sha256 ") == 2
    after = varbench.load("results").final
    assert list(after.cell) == list(before.cell)
    assert set(after.task_source) & set(before.task_source) == set()
    assert len(list(Path("results").rglob("trajectory-*.pt"))) == 2
    assert bench(*RUN).err.count("done already, not run again") == 2


def test_a_record_that_does_not_say_is_a_hit_and_says_so(bench: Bench) -> None:
    write(1.0)
    bench(*RUN)
    for path in Path("results").rglob("record.json"):
        content = of_version(3, path.read_bytes())
        for row in content["training"]:
            del row["objective_of"]
        del content["task_source"], content["estimator_source"]
        path.write_text(json.dumps(content))
    assert {record.task_source for record in Store("results").records()} == {None}
    assert bench(*RUN).err.count("whether mine:Toy has changed since is not on record") == 2
    assert "2 of 2 cells would run" in bench(*RUN, "--rerun", "stale", "--dry-run").out
