"""What a report calls experiments that differ in little."""

import csv
import io
from typing import Any

import pytest

from bench.compare.report import Report, as_csv, as_text
from bench.compare.verdicts import judge
from tests.bench.compare.cells import one_seed, variance


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def report(*changes: dict[str, Any]) -> Report:
    judged = judge([one_seed(variance(1.0, **change), variance(1.0, **change)) for change in changes])
    return Report(judged, [], len(changes), [])


def test_settings_that_differ_are_named() -> None:
    found = report({"training_steps": 50}, {"training_steps": 20}, {"training_steps": 20, "measurement_at": "shared"})
    told = " ".join(as_text(found).split())
    for name in ("K=1 steps=50 at=own ", "K=1 steps=20 at=own ", "K=1 steps=20 at=shared "):
        assert told.count(f"equivalent: gaussian-cosine · reinforce · {name}") == 1
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    settings = {(row["training_steps"], row["measurement_at"]) for row in rows}
    assert settings == {("50", "own"), ("20", "own"), ("20", "shared")}


def test_a_single_experiment_has_a_short_name() -> None:
    assert as_text(report({})).startswith("equivalent: gaussian-cosine · reinforce · K=1 · step 0 · identical\n")


def test_both_versions_of_an_estimator_are_named() -> None:
    judged = judge([one_seed(variance(1.0), variance(1.5, estimator_version=2))])
    found = Report(judged, [], 1, [])
    assert "· step 0 · estimator version 1 in BASE, 2 in NEW · replicates" in as_text(found)
    (row,) = csv.DictReader(io.StringIO(as_csv(found)))
    assert (row["estimator_version_base"], row["estimator_version_new"]) == ("1", "2")


def test_values_that_agree_in_four_digits_are_told_apart() -> None:
    told = as_text(Report(judge([one_seed(variance(0.57861, 1e-6), variance(0.57864, 1e-6))]), [], 1, []))
    assert "0.57861  0.57864" in told


def test_the_text_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = report({"training_steps": 50}, {"training_steps": 20}, {"training_steps": 20, "measurement_at": "shared"})
    assert max(map(len, as_text(found).splitlines())) <= 80
