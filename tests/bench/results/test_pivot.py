import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench import tables
from bench.errors import ResultsError, UsageError
from bench.results.arranged import pivot_blocks
from bench.results.frames import where
from bench.results.pivot import comparison
from bench.results.store import Store
from bench.results.tables import Results, load
from bench.results.words import Estimate
from tests.bench.figures.grids import ESTIMATORS, make, mixed
from tests.bench.results.samples import cell, gradient, record


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return make(tmp_path_factory.mktemp("results"), samples=(2, 8), tasks=("ppca", "linear-gaussian"))


def test_values_are_means_with_standard_errors_over_seeds(results: Results) -> None:
    table = comparison(results, ["variance"], ["guide"])
    assert len(table) == 2 * 3 * 2
    row = table[(table["task"] == "ppca") & (table["estimator"] == "reparam") & (table["samples"] == 8)].iloc[0]
    raw = results.gradients.query(
        "task == 'ppca' and estimator == 'reparam' and samples == 8 and step == 100 and group == 'guide' "
        "and metric == 'variance'"
    )["value"]
    assert (row["value"], row["se"], row["seeds"]) == pytest.approx((raw.mean(), stats.sem(raw), 3))
    assert row["evaluations"] == 8
    # Variances are ten times apart, with a noise of 10%.
    assert set(table.loc[table["best"], "estimator"]) == {"reinforce"}


def test_a_bias_over_seeds_is_the_root_of_the_mean_square(tmp_path: Path) -> None:
    """Of squares −1, 0 and 4 the mean is 1; the error is the interval of the root over twice Student's quantile."""
    store = Store(tmp_path)
    for seed, square in enumerate([-1.0, 0.0, 4.0]):
        root = math.sqrt(max(0.0, square))
        row = gradient("bias", root, ci_low=0.0, ci_high=root + 1, square=square)
        store.write(record(cell(seed=seed), gradients=[row]))
    table = comparison(load(tmp_path), ["bias"], ["guide"])
    quantile = stats.t.ppf(0.975, 2)
    high = math.sqrt(1 + quantile * math.sqrt(7 / 3))
    assert len(table) == 1
    assert table[["value", "se", "seeds"]].iloc[0].tolist() == pytest.approx([1, high / (2 * quantile), 3])


def test_one_seed_has_the_error_of_the_measurement_and_a_final_value_none(tmp_path: Path) -> None:
    results = make(tmp_path, samples=(1,), seeds=(0,))
    moments = comparison(results, ["variance"])
    raw = results.gradients.query("step == 100 and group == 'all' and metric == 'variance'")
    assert moments["se"].to_numpy() == pytest.approx(raw["se"].to_numpy())
    assert bool(moments["best"].to_numpy().any())
    final = comparison(results, ["test_elbo"], final=True)
    assert final["value"].to_numpy() == pytest.approx(results.final["test_elbo"].to_numpy())
    assert bool(final["se"].isna().to_numpy().all())
    assert not bool(final["best"].to_numpy().any())


def test_estimators_go_down_and_tasks_across(results: Results) -> None:
    [block] = pivot_blocks(comparison(results, ["variance"]))
    assert block.headers == ["estimator", "K", "evaluations", "linear-gaussian", "ppca"]
    assert [line[:3] for line in block.lines] == [[name, str(k), str(k)] for name in ESTIMATORS for k in (2, 8)]
    assert all(isinstance(word, Estimate) for line in block.lines for word in line[3:])
    assert block.title == "variance (nats²/param²) · all parameters · target elbo"
    assert block.notes[0] == "mean ± standard error over 3 seeds"


@pytest.mark.parametrize(
    ("by", "across", "blocks", "headers"),
    [
        ("estimator", "samples", 2, ["estimator", "K = 2", "K = 8"]),
        ("task", "estimator", 1, ["task", "K", *ESTIMATORS]),
        ("samples", "task", 3, ["K", "evaluations", "linear-gaussian", "ppca"]),
        ("task", "group", 3, ["task", "K", "evaluations", "all parameters"]),
        ("estimator", "metric", 2, ["estimator", "K", "evaluations", "variance (nats²/param²)"]),
    ],
)
def test_any_axis_goes_anywhere(results: Results, by: str, across: str, blocks: int, headers: list[str]) -> None:
    table = comparison(results, ["variance"])
    found = pivot_blocks(table, by, across)
    assert len(found) == blocks
    assert found[0].headers == headers
    # Every value has a place.
    shown = [word.value for block in found for line in block.lines for word in line if isinstance(word, Estimate)]
    assert sorted(shown) == pytest.approx(sorted(table["value"]))


def test_what_agrees_stands_in_the_title(tmp_path: Path) -> None:
    [block] = pivot_blocks(comparison(make(tmp_path, samples=(4,)), ["variance"]))
    assert block.title.endswith("K = 4 · 4 evaluations per gradient")
    assert block.headers == ["estimator", "ppca"]


def test_only_where_its_rivals_stand_is_one_the_best(results: Results) -> None:
    table = comparison(results, ["variance", "snr"], ["all", "guide"])
    for axes, marked in ((("estimator", "task"), True), (("metric", "group"), False), (("samples", "task"), False)):
        blocks = pivot_blocks(table, *axes)
        words = [word for block in blocks for line in block.lines for word in line if isinstance(word, Estimate)]
        assert any(word.best for word in words) is marked
        assert {any("significantly best" in note for note in block.notes) for block in blocks} == {marked}


def test_only_what_is_comparable_competes(tmp_path: Path) -> None:
    """The least variance of its target and K; of the biased one, which has less noise by its bias, the MSE may be."""
    table = comparison(mixed(tmp_path), ["variance", "mse"])
    best = table.loc[table["best"], ["metric", "target", "samples", "estimator"]]
    assert sorted(best.itertuples(index=False, name=None)) == [
        ("mse", "elbo", 5, "gumbel-softmax"),
        ("mse", "iwae", 5, "dreg"),
        ("variance", "elbo", 5, "reparam"),
        ("variance", "iwae", 5, "dreg"),
    ]
    first, second = pivot_blocks(where(table, table["metric"] == "variance"))
    assert [line[0] for line in first.lines] == ["reinforce", "reparam", "gumbel-softmax †"]
    assert "target elbo" in first.title
    assert "5% over all unbiased others of its task, target and K" in first.notes[1]
    assert first.notes[2] == "†: biased, as declared"
    assert [line[:2] for line in second.lines] == [["iwae", "5"], ["dreg", "5"], ["dreg", "20"]]
    assert "target iwae" in second.title
    assert not any("†" in note for note in second.notes)


def test_what_cannot_be_arranged_is_refused(results: Results) -> None:
    table = comparison(results, ["variance"])
    with pytest.raises(UsageError, match="choose from"):
        pivot_blocks(table, "seed", "task")
    with pytest.raises(UsageError, match="two different axes"):
        pivot_blocks(table, "task", "task")
    with pytest.raises(ResultsError, match="there is no mse in these results"):
        comparison(results, ["mse"])


def test_the_functions_are_public(results: Results) -> None:
    [block] = tables.pivot_blocks(tables.comparison(results, ["test_elbo"], final=True))
    text = tables.render(block.title, block.headers, block.lines, "latex")
    assert r"\begin{tabular}{lll" in text
    assert text.count(r"\pm") == 3 * 2 * 2
    assert np.all(["S[table-format=-" in line for line in text.splitlines() if "begin" in line])
