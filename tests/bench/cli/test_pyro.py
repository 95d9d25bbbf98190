"""Pyro models from the command line: cells, hits, edits, and names that are wrong."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import bench as varbench
from tests.bench.cli.conftest import Bench

pytestmark = pytest.mark.skipif(find_spec("pyro") is None, reason="needs the extra `pyro`")

PROGRAMS = """
import pyro
import pyro.distributions as dist
import torch
from torch import nn

data = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def model(self, x):
        with pyro.plate("rows", len(x)):
            bit = pyro.sample("bit", dist.Bernoulli(PRIOR))
            probs = torch.stack([0.3 + 0.4 * bit, 0.8 - 0.5 * bit], -1)
            pyro.sample("x", dist.Bernoulli(probs).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("layer", self.layer)
        with pyro.plate("rows", len(x)):
            pyro.sample("bit", dist.Bernoulli(logits=self.layer(x)[..., 0]))
"""
TASK = "pyro(model=programs:Net.model, guide=programs:Net.guide, data=programs:data)"
RUN = (
    "run", "--task", TASK, "--estimator", "reinforce-loo", "--samples", "2", "--steps", "2", "--checkpoints", "1",
    "--replicates", "40",
)  # fmt: skip


@pytest.fixture(autouse=True)
def unwritten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write no byte code, whose age in whole seconds hides an edit, and forget the module."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("programs", None)


def write(prior: float) -> None:
    """Write the programs, as a new process would find them."""
    Path("programs.py").write_text(PROGRAMS.replace("PRIOR", str(prior)))
    sys.modules.pop("programs", None)


def test_a_pyro_model_is_run_and_found_again_until_its_file_is_edited(bench: Bench) -> None:
    write(0.4)
    first = bench(*RUN, "--seeds", "0,1")
    assert first.code == 0, first.err
    results = varbench.load("results")
    assert set(results.final.task_source.str.partition(",")[0]) == {"programs"}
    assert "exact" in set(results.gradients.reference)
    # A class is made anew for each seed, and so are its networks.
    assert results.final.train_elbo.nunique() == 2
    assert bench(*RUN, "--seeds", "0,1").err.count("done already, not run again") == 2
    write(0.6)
    assert "has changed" in bench(*RUN).err


def test_names_that_are_wrong_are_told(bench: Bench) -> None:
    write(0.4)
    wrong = TASK.replace("Net.guide", "Net.guied")
    told = bench("run", "--task", wrong, "--estimator", "reinforce")
    assert told.code == 2
    assert "guide=programs:Net.guied: programs.Net has no 'guied'; did you mean 'guide'?" in told.err
    told = bench("run", "--task", "pyro", "--estimator", "reinforce")
    assert told.code == 2
    assert "needs a value for 'model'" in told.err
    Path("programs.py").write_text("import no_such_package\n")
    sys.modules.pop("programs", None)
    told = bench("run", "--task", TASK, "--estimator", "reinforce")
    assert told.code == 2
    assert "no_such_package" in told.err
    assert "Traceback" not in told.err


def test_what_needs_a_package_more_says_which(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.names import registry

    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    monkeypatch.delitem(vars(registry.TASKS), "entries", raising=False)
    try:
        told = bench("run", "--task", TASK, "--estimator", "reinforce")
    finally:
        vars(registry.TASKS).pop("entries", None)
    assert told.code == 2
    assert "task 'pyro' needs pyro: pip install 'varbench[pyro]'" in told.err
