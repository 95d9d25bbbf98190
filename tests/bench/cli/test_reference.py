"""`bench reference` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.cli.conftest import Outcome

Bench = Callable[..., Outcome]


def test_write_then_check_then_find_a_change(bench: Bench) -> None:
    assert bench("reference", "--write", "--estimator", "pathwise", "--folder", "kept").code == 0
    same = bench("reference", "--estimator", "reparam", "--folder", "kept")
    assert (same.code, "0 moments changed" in same.out) == (0, True), same.out
    missing = bench("reference", "--estimator", "enumerate", "--folder", "kept")
    assert (missing.code, "--write --estimator enumerate" in missing.out) == (1, True)
    assert bench("reference", "--write", "--estimator", "enumerate", "--folder", "kept").code == 0
    with open("kept/moments.csv") as file:
        text = file.read()
    assert "reparam" in text  # writing one estimator keeps the others
    changed = [line.replace(",0,0,0,", ",1,0.9,1.1,") if ",enumerate," in line else line for line in text.splitlines()]
    with open("kept/moments.csv", "w") as file:
        file.write("\n".join(changed))
    found = bench("reference", "--estimator", "enumerate", "--folder", "kept")
    assert (found.code, "variance was 1 and is 0" in found.out) == (1, True)
    told = json.loads(bench("reference", "--estimator", "enumerate", "--folder", "kept", "--format", "json").out)
    assert {(one["estimator"], one["moment"], one["before"]) for one in told["changed"]} == {
        ("enumerate", "variance", 1)
    }
    assert told["missing"] == []


def test_nothing_measured_is_no_pass(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.regression.moments.TASK_REPLICATES", {"bernoulli-quadratic": 2_000})
    assert bench("reference", "--write", "--estimator", "enumerate", "--folder", "kept").code == 0
    nothing = bench("reference", "--estimator", "disarm-iw", "--folder", "kept")
    assert nothing.code == 1
    assert "disarm-iw fits none of the small tasks" in nothing.err
    some = bench("reference", "--estimator", "disarm-iw", "--estimator", "enumerate", "--folder", "kept")
    assert (some.code, "of 1 estimator compared" in some.out) == (1, True)
    assert bench("reference", "--estimator", "disarm-iw", "--folder", "kept", "--require", "0").code == 0
    written = bench("reference", "--write", "--estimator", "disarm-iw", "--folder", "kept")
    assert (written.code, "so it was not measured" in written.err) == (1, True)
    rows = json.loads(bench("reference", "--estimator", "enumerate", "--folder", "kept", "--format", "json").out)
    assert rows["compared"] == rows["rows"] > 0
    enough = str(rows["compared"])
    assert bench("reference", "--estimator", "enumerate", "--folder", "kept", "--require", enough).code == 0
    more = bench("reference", "--estimator", "enumerate", "--folder", "kept", "--require", f"{enough}0")
    assert (more.code, "--require asks for" in more.err) == (1, True)


def test_a_kept_row_that_is_not_measured_any_more_is_no_pass(bench: Bench) -> None:
    assert bench("reference", "--write", "--estimator", "enumerate", "--folder", "kept").code == 0
    table = Path("kept/moments.csv")
    gone = next(line for line in table.read_text().splitlines() if ",enumerate," in line)
    table.write_text(f"{table.read_text()}{gone.replace('bernoulli-quadratic', 'no-longer', 1)}\n")
    lost = bench("reference", "--estimator", "enumerate", "--folder", "kept")
    assert (lost.code, "enumerate was not measured on no-longer" in " ".join(lost.err.split())) == (1, True)


def test_without_a_table_it_says_what_to_do(bench: Bench) -> None:
    outcome = bench("reference", "--estimator", "reparam")
    assert (outcome.code, "bench reference --write" in outcome.err) == (5, True)


def test_what_it_suggests_names_the_folder(bench: Bench) -> None:
    missing = bench("reference", "--estimator", "reparam", "--folder", "my moments")
    assert (missing.code, "`bench reference --write --folder 'my moments'`" in missing.err) == (5, True)
    written = bench("reference", "--write", "--estimator", "gumbel-rao", "--folder", "my moments")
    assert "next: `bench reference --folder 'my moments'`" in written.err
