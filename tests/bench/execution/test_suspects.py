"""A bias that contradicts what an estimator declares is told at the end of a run; others are not."""

import pytest

from bench.execution.suspects import suspicions
from bench.results.schema import Record
from tests.bench.results.samples import cell, gradient, record


def measured(
    value: float,
    low: float,
    estimator: str = "reinforce",
    group: str = "guide",
    task: str = "gaussian-quadratic",
    samples: int = 1,
) -> Record:
    """Return a record whose gradient has a relative bias at its last step, with the lower end of its interval."""
    of = cell(
        task=task, task_parameters={}, estimator=estimator, estimator_parameters={}, samples=samples, dtype="float64"
    )
    rows = [gradient(metric, 1.0, group=group) for metric in ("variance", "bias")]
    bias = gradient("relative_bias", value, group=group, ci_low=low, ci_high=2 * value - low)
    return record(of, gradients=[*rows, bias])


def test_a_bias_that_is_beyond_doubt_is_told_with_what_to_do() -> None:
    (sentence,) = suspicions([measured(1.98, 1.8), measured(0.01, 0.0, "reparam")])
    told = " ".join(sentence.split())
    assert told.startswith("reinforce is biased, but declared unbiased: relative bias 1.98 [1.80, 2.16] in guide φ on ")
    assert "gaussian-quadratic, K=1" in told
    assert "`bench check reinforce --task gaussian-quadratic` tests it" in told
    assert max(map(len, sentence.splitlines())) <= 80


@pytest.mark.parametrize(
    "record",
    [
        measured(0.1, 0.0),
        # An interval that excludes zero at 95% is nothing in a run of many.
        measured(0.1, 0.01),
        measured(1.98, 1.8, "naive-mc", "model", "linear-gaussian"),
        # φ has an aim of its own.
        measured(1.98, 1.8, "sumo", "guide", "linear-gaussian"),
    ],
)
def test_what_may_be_chance_or_is_declared_is_not_told(record: Record) -> None:
    assert suspicions([record]) == []


def test_the_level_is_shared_by_all_cells_of_a_run() -> None:
    just = measured(0.1, 0.063)
    assert len(suspicions([just])) == 1
    assert suspicions([just, *(measured(0.0, 0.0, samples=2 + k) for k in range(60))]) == []


def test_many_cells_of_one_estimator_are_one_sentence() -> None:
    (sentence,) = suspicions([measured(1.98, 1.8, samples=k) for k in range(1, 6)])
    assert "; and 2 more" in " ".join(sentence.split())
