import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

from bench.measure.norms import squared_norm
from bench.results.declared import declared_biased
from bench.results.over_seeds import Said
from bench.results.schema import GradientRow
from bench.results.store import Store
from bench.results.summary import gradient_blocks
from bench.results.tables import load, load_some
from bench.results.undecided import NOTE, needed_for_summary
from bench.results.verdicts import judged
from bench.statistics.quantiles import GROUPS
from tests.bench.results.samples import cell, gradient, record

ROWS, TABLES = 50, 30


def tables(biases: float = 0.0) -> list[list[Said]]:
    """Return tables of relative biases in three parameters, in standard errors of their mean; `biases` of the last."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(TABLES, ROWS, GROUPS, 3, generator=generator, dtype=torch.float64) * GROUPS**0.5
    means[:, -1, :, 0] += biases
    counts = torch.ones(GROUPS, dtype=torch.float64)
    found = [[squared_norm(row @ row.T, counts).map_sqrt() for row in table] for table in means]
    return [[Said(one.value, one.low, one.high, 1) for one in table] for table in found]


def test_a_table_of_fifty_unbiased_rows_says_so(tmp_path: Path) -> None:
    """At least one of 50 right intervals begins above zero in most tables, and "biased" stands in few.

    Of 30 tables 5% may have it, and more than 7 do with a probability below 1e-4. Without the correction most do.
    """
    found = tables()
    excluding = sum(any(said.low > 0 for said in table) for table in found)
    assert excluding > TABLES / 2
    mistaken = [any(verdict.seen for verdict in judged(dict(enumerate(table))).values()) for table in found]
    assert sum(mistaken) <= stats.binom.isf(1e-4, TABLES, 0.05)
    shown = next(table for table in found if sum(said.low > 0 for said in table) >= 2)
    store = Store(tmp_path)
    for samples, said in enumerate(shown, 1):
        row = gradient("relative_bias", said.value, ci_low=said.low, ci_high=said.high)
        store.write(record(cell(estimator="reinforce", estimator_parameters={}, samples=samples), gradients=[row]))
    [block] = gradient_blocks(load(tmp_path), ["relative_bias"], ["guide"])
    verdicts = [line[-2] for line in block.lines]
    assert verdicts == ["no bias seen"] * ROWS
    assert all(float(str(line[-1])) > 0 for line in block.lines)


def test_among_fifty_a_bias_is_seen() -> None:
    """One of 9 standard errors; it takes half of that at 5% of a fiftieth."""
    found = [judged(dict(enumerate(table)))[ROWS - 1] for table in tables(9.0)]
    assert sum(verdict.seen for verdict in found) > 0.9 * TABLES


def test_a_verdict_says_what_could_have_been_seen() -> None:
    verdict = judged({"one": Said(0.0, 0.0, 0.1, 1)})["one"]
    assert (verdict.word, verdict.seen_from) == ("no bias seen", "0.12")
    assert judged({"exact": Said(0.0, 0.0, 0.0, 1)})["exact"].seen_from == "any"
    assert judged({"event": Said(1.0, 0.0, float("inf"), 1)})["event"].seen_from == "none"
    assert judged({"lost": Said(float("inf"), float("nan"), float("nan"), 2)}) == {}


@pytest.mark.parametrize(
    ("estimator", "parameters", "declared"),
    [
        ("straight-through", "", True),
        ("reinforce", "", False),
        ("ovis", "gamma=0.0", False),
        ("ovis", "gamma=1.0", True),
        ("reinforce", "gone=1", False),
    ],
)
def test_a_declared_bias_is_known(estimator: str, parameters: str, declared: bool) -> None:
    assert declared_biased(estimator, parameters) is declared


def test_a_strangers_class_is_not_imported_to_read_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unread.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert declared_biased("unread:Own") is False
    assert declared_biased("linear-cv", "base=unread:Own") is False
    assert "unread" not in sys.modules


BEFORE = [
    gradient("bias", 0.1, step=0),
    gradient("relative_bias", 0.1, step=0),
    gradient("variance", 2.0, step=0),
    gradient("relative_bias", 1.0, se=0.0, ci_low=1.0, ci_high=1.0),
    gradient("variance", 0.0, se=0.0, ci_low=0.0, ci_high=0.0),
]
"""An unbiased estimator of which all replicates are equal at the last step, as it was once recorded."""


def _bias(value: float) -> GradientRow:
    return gradient("bias", value, se=0.0, ci_low=value, ci_high=value)


def _verdict(folder: Path, rows: list[GradientRow], estimator: str = "reinforce", dtype: str = "float64") -> str:
    of = cell(estimator=estimator, estimator_parameters={}, dtype=dtype)
    Store(folder).write(record(of, gradients=rows))
    [block] = gradient_blocks(load(folder), ["relative_bias"], ["guide"])
    # What a summary reads of a large folder is enough for it.
    some = load_some([folder], ["gradients"], "raise", pytest.fail, needed=needed_for_summary)
    assert gradient_blocks(some, ["relative_bias"], ["guide"]) == [block]
    [line] = block.lines
    assert (NOTE in block.notes) is (line[-2] == "–")
    return str(line[-2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_below_rounding_is_not_called_biased(dtype: str, tmp_path: Path) -> None:
    """Zero against 8e−17: the relative bias is 1, and has no error."""
    assert _verdict(tmp_path, [*BEFORE[3:], _bias(8e-17)], dtype=dtype) == "–"


def test_what_is_rounding_in_one_type_is_none_in_the_other(tmp_path: Path) -> None:
    assert _verdict(tmp_path / "32", [*BEFORE[3:], _bias(1e-7)], dtype="float32") == "–"
    assert _verdict(tmp_path / "64", [*BEFORE[3:], _bias(1e-7)]) == "biased"


def test_an_event_that_no_replicate_saw_is_no_bias(tmp_path: Path) -> None:
    """At the first step the estimator varied."""
    assert _verdict(tmp_path, [*BEFORE, _bias(0.5)]) == "–"


def test_an_estimator_that_never_varies_and_is_wrong_is_biased(tmp_path: Path) -> None:
    assert _verdict(tmp_path / "a", [*BEFORE[3:], _bias(0.5)]) == "biased"
    assert _verdict(tmp_path / "b", [*BEFORE, _bias(0.5)], "straight-through") == "biased, as declared"


def test_a_summary_reads_the_last_steps_and_what_judges_a_bias(tmp_path: Path) -> None:
    early, late = gradient("snr", 1.0, step=0), gradient("snr", 2.0)
    for seed, rows in enumerate([[early, *BEFORE, late], [early], []]):
        Store(tmp_path).write(record(cell(seed=seed), gradients=rows))
    some = load_some([tmp_path], ["gradients"], "raise", pytest.fail, needed=needed_for_summary).gradients
    assert list(some["value"]) == [*(row.value for row in BEFORE), 2.0, 1.0]
    assert list(some["seed"]) == [0] * 6 + [1]
