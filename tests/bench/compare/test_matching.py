"""Which cells are the same experiment, and what is said about the others."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bench.compare.matching import match, parse_pairs
from bench.compare.trainings import timings_differ_because
from bench.errors import UsageError
from bench.results.beside import beside
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tables import Results, load
from tests.bench.results.samples import MEASUREMENT, RUN, TRAINING, cell, gradient, limited, record


def results(folder: Path, *records: Record, **machine: Any) -> Results:
    store = Store(folder)
    for one in records:
        store.write(one)
    store.write_run(dataclasses.replace(RUN, **machine))
    return load(folder)


def test_seed_versions_and_precision_do_not_matter(tmp_path: Path) -> None:
    precise = dataclasses.replace(MEASUREMENT, precision=0.01, replicates_cap=10**6, evaluation_samples=7)
    base = results(tmp_path / "a", record(cell(seed=0)), record(cell(seed=1)))
    new = results(tmp_path / "b", record(cell(seed=1, estimator_version=2, measurement=precise)))
    matches = match(base, new)
    assert [(sorted(one.base), sorted(one.new)) for one in matches.found] == [([0, 1], [1])]
    assert any("estimator version 1 in BASE and 2 in NEW" in note for note in matches.notes)
    assert [note.rpartition(": ")[2] for note in matches.missing] == ["seed 0 only in BASE"]


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": 5},
        {"estimator_parameters": {"temperature": 0.5, "learned": True}},
        {"dtype": "float64"},
        {"dataset": "omniglot"},
        {"training": dataclasses.replace(TRAINING, guide_lr=1e-3)},
        {"measurement": dataclasses.replace(MEASUREMENT, at="shared")},
    ],
)
def test_any_other_setting_makes_another_experiment(tmp_path: Path, changes: dict[str, Any]) -> None:
    base = results(tmp_path / "a", record(cell()))
    new = results(tmp_path / "b", record(cell(**changes)))
    matches = match(base, new)
    assert not matches.found
    assert [note.split(":")[0] for note in (*matches.missing, *matches.notes)] == ["only in BASE", "only in NEW"]


def test_settings_that_differ_are_told(tmp_path: Path) -> None:
    base = results(tmp_path / "a", record(cell()), record(cell(seed=1)))
    new = results(tmp_path / "b", record(cell(training=dataclasses.replace(TRAINING, steps=50))))
    matches = match(base, new)
    assert matches.missing == ["only in BASE: vae-mnist · rebar · K=1 steps=100 · seed 0, 1"]
    assert matches.notes == ["only in NEW: vae-mnist · rebar · K=1 steps=50 · seed 0"]


def test_without_training_own_and_shared_parameters_are_the_same(tmp_path: Path) -> None:
    untrained = dataclasses.replace(TRAINING, steps=0)
    shared = dataclasses.replace(MEASUREMENT, at="shared")
    base = results(tmp_path / "a", record(cell(training=untrained)))
    new = results(tmp_path / "b", record(cell(training=untrained, measurement=shared)))
    assert len(match(base, new).found) == 1


def test_of_equal_cells_the_last_counts(tmp_path: Path) -> None:
    older = record(cell(estimator_version=1), started="2026-01-01T00:00:00+00:00")
    newer = record(cell(estimator_version=2), started="2026-01-02T00:00:00+00:00")
    folder = results(tmp_path / "a", newer, older)
    found = match(folder, folder).found[0]
    assert found.base[0].row["estimator_version"] == 2


def test_pairs_compare_one_estimator_with_another(tmp_path: Path) -> None:
    both = results(tmp_path / "a", record(cell()), record(cell(estimator="reinforce", estimator_parameters={})))
    found = match(both, both, parse_pairs(["score-function=rebar"])).found
    assert [(one.base[0].row["estimator"], one.new[0].row["estimator"]) for one in found] == [("reinforce", "rebar")]
    with pytest.raises(UsageError, match="NEW has no cell of 'stl'"):
        match(both, both, parse_pairs(["reinforce=stl"]))
    with pytest.raises(UsageError, match="not a pair"):
        parse_pairs(["reinforce"])


def test_a_pair_of_many_configurations_is_refused(tmp_path: Path) -> None:
    other = record(cell(estimator_parameters={"temperature": 0.5, "learned": True}))
    several = results(tmp_path / "a", record(cell()), other)
    with pytest.raises(UsageError, match="several parameters"):
        match(several, several, {"rebar": "rebar"})


def test_what_failed_in_new_alone_is_broken(tmp_path: Path) -> None:
    base = results(tmp_path / "a", record(cell()))
    new = results(tmp_path / "b", record(cell(), status="diverged", reason="NaN at step 3"))
    (broken,) = match(base, new).broken
    assert broken.endswith("in NEW, seed 0 diverged: NaN at step 3")
    mended = match(new, base)
    assert mended.broken == []
    assert any("in BASE, seed 0 diverged: NaN at step 3" in note for note in mended.notes)
    both = match(new, new)
    assert both.broken == []
    assert sum("seed 0 diverged" in note for note in both.notes) == 2


def test_a_seed_that_failed_and_base_lacks_is_broken_unless_base_fails_too(tmp_path: Path) -> None:
    base = results(tmp_path / "a", record(cell(seed=0)))
    partly = results(tmp_path / "b", record(cell(seed=0)), record(cell(seed=1), status="failed", reason="no luck"))
    new = results(tmp_path / "c", record(cell(seed=2), status="failed", reason="no luck"))
    assert [text.rpartition("in NEW, ")[2] for text in match(base, new).broken] == ["seed 2 failed: no luck"]
    assert match(partly, new).broken == []


def test_another_version_of_the_task_is_not_comparable(tmp_path: Path) -> None:
    base = results(tmp_path / "a", record(cell()))
    other = results(tmp_path / "b", record(cell(task_version=2)))
    both = results(tmp_path / "c", record(cell()), record(cell(task_version=2)))
    matches = match(base, other)
    assert not matches.found
    (text,) = matches.missing
    assert text.startswith("not comparable: ")
    assert text.endswith("task version 1 in BASE and 2 in NEW")
    assert len(match(base, both).found) == 1
    assert match(base, both).missing == []
    assert any("task version 2 in NEW and 1 in BASE" in note for note in match(base, both).notes)
    assert [text.split(":")[0] for text in match(both, base).missing] == ["not comparable"]


def test_a_metric_and_a_step_that_new_lacks_are_missing(tmp_path: Path) -> None:
    full = [gradient(metric, 1.0, step) for step in (0, 100) for metric in ("variance", "relative_bias")]
    base = results(tmp_path / "a", record(cell(), gradients=full))
    less = results(tmp_path / "b", record(cell(), gradients=full[:1]))
    assert [text.rpartition(": ")[2] for text in match(base, less).missing] == [
        "step 100 measured in BASE only",
        "relative_bias of guide measured in BASE only",
    ]
    assert match(less, base).missing == []


@pytest.mark.parametrize(
    ("machine", "reason"), [({}, None), ({"threads": 1}, "differs"), ({"cpu": "another"}, "differs")]
)
def test_timings_are_compared_on_the_same_hardware_only(
    tmp_path: Path, machine: dict[str, Any], reason: str | None
) -> None:
    base = results(tmp_path / "a", record(cell()))
    new = results(tmp_path / "b", record(cell()), **machine)
    found = timings_differ_because(match(base, new).found[0])
    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize(
    ("notes", "reason"),
    [
        ([[], []], None),
        ([["two seeds"], ["three seeds"]], None),
        ([[beside("2 at a time")], ["two seeds", beside("2 at a time")]], None),
        ([[], ["two seeds", beside("2 at a time")]], "they were measured beside other jobs (alone or 2 at a time)"),
        (
            [[beside("4 at a time")], [beside("2 at a time")]],
            "they were measured beside other jobs (2 at a time or 4 at a time)",
        ),
    ],
)
def test_timings_that_were_taken_beside_other_jobs_are_compared_with_their_like_only(
    tmp_path: Path, notes: list[list[str]], reason: str | None
) -> None:
    base, new = (results(tmp_path / str(side), record(cell(), notes=said)) for side, said in enumerate(notes))
    assert timings_differ_because(match(base, new).found[0]) == reason


def test_unknown_hardware_is_not_the_same(tmp_path: Path) -> None:
    base = results(tmp_path / "a", record(cell(), run="another"))
    assert timings_differ_because(match(base, base).found[0]) == "the hardware is not on record"


def test_a_limited_cell_is_missing_and_not_broken(tmp_path: Path) -> None:
    base = results(tmp_path / "a", record(cell(seed=0)), record(cell(seed=1)))
    new = results(tmp_path / "b", record(cell(seed=0)), limited(cell(seed=1)))
    matches = match(base, new)
    assert matches.broken == []
    assert [text.rpartition(": in NEW, ")[2] for text in matches.missing if "limit" in text] == [
        f"seed 1 limited: {limited().reason}"
    ]
    assert not any("limited" in note for note in matches.notes)
    assert any("in BASE, seed 1 limited" in note for note in match(new, base).notes)
    assert any("in NEW, seed 1 limited" in note for note in match(new, new).notes)
