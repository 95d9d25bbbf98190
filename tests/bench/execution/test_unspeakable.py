"""An error whose text cannot be written down is a failed cell like any other: the grid goes on, and is read."""

import pytest

from bench.results.store import Store
from bench.results.tables import load
from tests.bench.cli.conftest import Bench, bench
from tests.bench.execution.strangers import Unspeakable

__all__ = ["bench"]

RUN = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--no-train", "--replicates", "40")


def test_the_grid_goes_on(bench: Bench) -> None:
    estimators = [f"{Unspeakable.__module__}:Unspeakable(how={how})" for how in Unspeakable.errors]
    words = [word for spec in estimators for word in ("--estimator", spec)]
    outcome = bench(*RUN, *words)
    assert outcome.code == 3
    records = list(Store("results").records())
    assert sorted(record.status for record in records) == ["done", *["failed"] * len(estimators)]
    reasons = {record.cell.estimator_parameters.get("how"): str(record.reason) for record in records}
    assert reasons["surrogate"].startswith("OSError: no file caf\\udce9.npz (strangers.py")
    assert reasons["silent"].startswith("RuntimeError (strangers.py")
    assert reasons["mute"].startswith("_Mute: what it says cannot be read (ValueError)")
    for words in (("status",), ("table",), ("table", "--what", "final", "--format", "csv")):
        assert bench(*words).code in (0, 3)
    assert len(load("results").final) == len(records)


@pytest.mark.parametrize("how", Unspeakable.errors)
def test_a_check_goes_on(bench: Bench, how: str) -> None:
    spec = f"{Unspeakable.__module__}:Unspeakable(how={how})"
    assert bench("check", spec, "--task", "gaussian-quadratic", "--jobs", "1").code in (1, 2)
