"""Without training, the initial parameters are measured and evaluated."""

from collections.abc import Callable

import pytest

import bench as varbench
from bench.execution import cell
from tests.bench.cli.conftest import Outcome

Bench = Callable[..., Outcome]
RUN = ("run", "--task", "sbn-tiny", "--replicates", "40", "--estimator", "reinforce", "--estimator", "enumerate")


def test_no_steps_and_no_training_are_one_cell_whose_start_is_evaluated_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated, count = cell.evaluated, []
    monkeypatch.setattr(cell, "evaluated", lambda *arguments: count.append(0) or evaluated(*arguments))
    assert "train ELBO" in bench(*RUN, "--no-train").out
    assert len(count) == 1
    assert bench(*RUN, "--steps", "0").err.count("done already, not run again") == 2
    final = varbench.load("results").final
    assert list(final["steps"]) == [0, 0]
    assert final[["train_elbo", "gap"]].drop_duplicates().shape == (1, 2)
    assert list(final["seconds_per_step"].isna()) == [True, True]
