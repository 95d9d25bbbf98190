import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench.results.schema import Final
from bench.results.store import Store
from bench.results.summary import final_blocks, gradient_blocks
from bench.results.tables import load
from bench.statistics.seeds import ends, half_width, mean_over_seeds
from tests.bench.results.samples import TRAINING, cell, gradient, record

NAME = "rebar(learned=True, temperature=0.3)"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_line_has_the_last_step_with_its_interval(store: Store) -> None:
    store.write(record())
    blocks = gradient_blocks(load(store.folder), ["variance", "evaluations", "bias"], ["guide", "model", "absent"])
    assert [block.title for block in blocks] == [
        "gradient of guide φ · vae-mnist · target elbo · step 100 · 1 seed",
        "gradient of model θ · vae-mnist · target elbo · step 100 · 1 seed",
    ]
    heads = ["variance (nats²/param²)", "evaluations", "bias (nats/param)", "verdict", "seen from"]
    assert blocks[0].headers == ["estimator", "K", *heads]
    assert blocks[0].lines == [[NAME, "1", "2.00 [1.80, 2.20]", "1", "–", "–", "–"]]
    assert blocks[1].lines[0][2] == "3.00 [2.70, 3.30]"


def test_seeds_become_their_mean_with_students_interval(store: Store) -> None:
    values = [0.25, 0.375, 0.5]
    for seed, value in enumerate(values):
        rows = [gradient(metric, value) for metric in ("variance", "cosine")]
        store.write(record(cell(seed=seed), gradients=rows))
    mean = np.mean(values)
    low, high = stats.t.interval(0.95, 2, mean, stats.sem(values))
    assert mean_over_seeds(values) == pytest.approx((mean, low, high))
    # Of a variance, which is positive, on the logarithm.
    factor = np.exp((high - mean) / mean)
    assert mean_over_seeds(values, True) == pytest.approx((mean, mean / factor, mean * factor))
    [block] = gradient_blocks(load(store.folder), ["cosine", "variance"], ["guide"])
    assert [low, high, mean / factor, mean * factor] == pytest.approx([0.06, 0.69, 0.16, 0.86], abs=0.005)
    assert block.title.endswith(" · 3 seeds")
    assert block.lines[0][2:] == ["0.38 [0.06, 0.69]", "0.38 [0.16, 0.86]"]


@pytest.mark.parametrize(
    ("metric", "values", "shown"),
    [
        ("bias", [0.0, 0.25, 0.5], "0.25 [0, 0.87]"),
        ("cosine", [0.5, 0.75, 1.0], "0.75 [0.13, 1.00]"),
        ("cosine", [-0.5, -0.75, -1.0], "−0.75 [−1.00, −0.13]"),
    ],
)
def test_an_interval_between_seeds_ends_where_the_metric_does(
    metric: str, values: list[float], shown: str, store: Store
) -> None:
    """Student's is the mean ± 4.303 · 0.25 / √3 = 0.621."""
    for seed, value in enumerate(values):
        store.write(record(cell(seed=seed), gradients=[gradient(metric, value)]))
    [block] = gradient_blocks(load(store.folder), [metric], ["guide"])
    assert block.lines[0][2] == shown


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_of_positive_quantities_hold_the_mean_more_often(seeds: int) -> None:
    """Of 20 000 samples from a gamma distribution of shape 4, as skewed as a variance may be: within 1% of 95%.

    The fraction has a standard error of 0.15%, and a deviation of 1% a probability of 1e-10.
    """
    drawn = np.random.default_rng(seeds).gamma(4, size=(20_000, seeds))
    mean, half = drawn.mean(1), half_width(drawn.std(1, ddof=1), seeds)
    held = {}
    for is_positive in (True, False):
        low, high = ends(mean, half, is_positive)
        assert not is_positive or (low > 0).all()
        held[is_positive] = np.mean((low < 4) & (high > 4))
    assert held[True] == pytest.approx(0.95, abs=0.01)
    assert held[True] > held[False]


def test_a_positive_quantity_that_is_zero_for_all_seeds() -> None:
    assert mean_over_seeds([0.0, 0.0], True) == (0, 0, 0)


def test_an_infinite_seed_is_seen_in_the_mean() -> None:
    mean, low, high = mean_over_seeds([1.0, math.inf])
    assert mean == math.inf
    assert math.isnan(low)
    assert math.isnan(high)


def test_cells_that_differ_in_a_setting_are_told_apart(store: Store) -> None:
    store.write(record())
    store.write(record(cell(training=replace(TRAINING, guide_lr=0.1))))
    store.write(record(cell(samples=5)))
    [block, _] = gradient_blocks(load(store.folder), ["variance"], ["guide", "model"])
    assert [line[:2] for line in block.lines] == [
        [NAME, "5"],
        [f"{NAME}, guide_lr=0.01", "1"],
        [f"{NAME}, guide_lr=0.1", "1"],
    ]


def test_numbers_are_in_the_order_of_numbers(store: Store) -> None:
    """Folders, and cells in them, come by the letters of their names: 10 before 2."""
    for samples in (10, 2, 1):
        for seed in range(12):
            store.write(record(cell(estimator="iwae", estimator_parameters={}, samples=samples, seed=seed)))
    for hidden in (1000, 30):
        store.write(record(cell(task_parameters={"hidden": hidden}, estimator="reinforce", estimator_parameters={})))
    results = load(store.folder)
    keys = results.final[["task_parameters", "samples", "seed"]].drop_duplicates()
    assert keys.to_numpy().tolist() == [
        ["hidden=30", 1, 0],
        *(["hidden=200", samples, seed] for samples in (1, 2, 10) for seed in range(12)),
        ["hidden=1000", 1, 0],
    ]
    assert results.training["seed"].tolist() == results.final["seed"].tolist()
    blocks = gradient_blocks(results, ["variance"], ["guide"])
    assert [[line[1] for line in block.lines] for block in blocks] == [["1"], ["1", "2", "10"], ["1"]]
    [final] = [block for block in final_blocks(results) if len(block.lines) > 1]
    assert [line[1] for line in final.lines] == ["1", "2", "10"]


def test_what_lines_differ_in_has_a_column(store: Store) -> None:
    store.write(record())
    other = cell(estimator="reinforce", estimator_parameters={}, seed=1)
    store.write(record(other, gradients=[gradient("variance", 1.0, step=50, target="iwae")]))
    [block] = gradient_blocks(load(store.folder), ["variance"], ["guide"])
    assert block.title == "gradient of guide φ · vae-mnist · 1 seed"
    assert block.headers[:4] == ["estimator", "K", "target", "step"]
    assert [line[:4] for line in block.lines] == [["reinforce", "1", "iwae", "50"], [NAME, "1", "elbo", "100"]]


def test_final_values_have_the_unit_and_count_what_became_of_the_seeds(store: Store) -> None:
    store.write(record())
    store.write(record(cell(seed=1), final=Final("nats per datapoint", 100, test_elbo=-183.0, test_elbo_se=0.5)))
    store.write(record(cell(seed=2), status="diverged", final=Final("nats per datapoint", 7, diverged_at=7)))
    store.write(record(cell(samples=5), final=None))
    [block] = final_blocks(load(store.folder))
    assert block.title == "final values · vae-mnist · nats per datapoint"
    assert block.headers == ["estimator", "K", "seeds", "test ELBO", "seconds per step (s)"]
    assert mean_over_seeds([-181.0, -183.0])[1:] == pytest.approx((-195, -169), abs=0.5)
    assert block.lines[0][2:] == ["2 done, 1 diverged", "−182 [−195, −169]", "0.03"]
    assert block.lines[1][2:] == ["1 done", "–", "–"]


def test_a_bias_over_seeds_is_the_root_of_the_mean_square(store: Store) -> None:
    """Of squares −1, 0 and 4: their mean is 1, and the seeds do not exclude zero."""
    for seed, square in enumerate([-1.0, 0.0, 4.0]):
        root = math.sqrt(max(0.0, square))
        row = gradient("bias", root, ci_low=0.0, ci_high=root + 1, square=square)
        store.write(record(cell(seed=seed), gradients=[row]))
    [block] = gradient_blocks(load(store.folder), ["bias"], ["guide"])
    assert math.sqrt(1 + half_width(math.sqrt(7), 3)) == pytest.approx(2.75, abs=0.005)
    assert block.lines[0][2] == "1.0 [0, 2.8]"
