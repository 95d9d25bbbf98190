"""Seeds are fixed. Where a test counts, it says how often it would fail although all is right."""

import numpy as np
import pytest
import torch
from scipy import stats

from bench.advise.ranking import LEVEL, Noise, standing, times_less, variance_effect, work_effect
from bench.check.estimators import estimator_subject
from bench.check.points import Point, task_subjects
from bench.check.variances import KNOWN
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.measure.metrics import variance
from bench.measure.moments import Moments
from bench.measure.replicates import Replicator
from bench.statistics.intervals import Interval

LAPS = (1.0, 1.1, 0.9, 1.05, 0.95)
FALSE_ALARM = 1e-4


def noise(rows: torch.Tensor, laps: tuple[float, ...] = LAPS) -> Noise:
    moments = Moments(rows.shape[1], rows.dtype, CPU)
    moments.update(rows)
    return Noise(variance(moments.summary(slice(0, rows.shape[1]))), len(rows), laps)


def known(estimator: str, samples: int, count: int) -> tuple[float, torch.Tensor]:
    """Return an exact variance, and replicates of that gradient."""
    one = next(one for one in KNOWN if (one.estimator, one.samples) == (estimator, samples))
    (subject,) = task_subjects(one.task)
    point = Point(subject)
    point.x = point.x[:1]
    with seeded(CPU, "ratio", estimator):
        rows = Replicator(point.task, estimator_subject(estimator).build(), samples).draw(point.x, count)
    return one.exact(point.task, point.x), rows


@pytest.mark.parametrize(
    ("base", "new"),
    [(("arm", 1), ("disarm", 1)), (("bitflip", 1), ("arms", 2)), (("vimco", 3), ("reinforce-loo", 3))],
)
def test_the_interval_of_a_ratio_holds_the_exact_one(base: tuple[str, int], new: tuple[str, int]) -> None:
    runs, each = 100, 400
    (exact, rows), (other_exact, other_rows) = known(*base, runs * each), known(*new, runs * each)
    ratio = exact / other_exact
    held = 0
    for one, other in zip(rows.split(each), other_rows.split(each), strict=True):
        found = times_less(variance_effect(noise(one), noise(other)))
        held += found.low <= ratio <= found.high
    # Were the intervals to hold it 93% of the time, as those of a variance do, this would fail once in 10⁴.
    assert held >= stats.binom.ppf(FALSE_ALARM, runs, 0.93)
    # And they say something: a ratio is known to ±20%.
    whole = times_less(variance_effect(noise(rows), noise(other_rows)))
    assert whole.low <= ratio * 1.02
    assert whole.high >= ratio / 1.02
    assert whole.high / whole.low < 1.2


def test_a_slow_machine_is_slow_for_both() -> None:
    busy = (1.0, 3.0, 1.0, 2.0, 5.0)
    spread = Interval(1.0, 0.01, 0.98, 1.02)
    base, new = Noise(spread, 1000, busy), Noise(spread, 1000, tuple(2 * lap for lap in busy))
    found = times_less(work_effect(base, new))
    assert found.value == pytest.approx(0.5)
    assert found.high / found.low < 1.1


def test_the_best_is_seldom_called_worse() -> None:
    generator = np.random.default_rng(0)
    runs, count, called = 200, 6, 0
    for _ in range(runs):
        rows = torch.from_numpy(generator.standard_normal((count, 400, 3)))
        laps = np.exp(0.05 * generator.standard_normal((count, 7)))
        noises = {str(place): noise(rows[place], tuple(laps[place])) for place in range(count)}
        # The first is as good as any.
        called += "0" in standing(noises, 1).worse
    # At the level itself this would fail once in 10⁴; tests that are not corrected for five rivals call it twice that.
    assert called <= stats.binom.isf(FALSE_ALARM, runs, LEVEL)


def test_who_is_clearly_worse_is_called_so_and_who_is_as_good_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3, 20_000, 3, generator=generator, dtype=torch.float64)
    rows[2] *= 1.5
    laps = tuple(1 + 0.001 * place for place in range(10))
    found = standing({name: noise(rows[place], laps) for place, name in enumerate(("a", "b", "c"))}, 5)
    assert found.worse == {"c"}
    assert {found.leader, *found.alike} == {"a", "b"}


def test_few_replicates_are_no_evidence_of_a_small_difference() -> None:
    few, many = (Noise(Interval(1.0, 1e-3, 0.998, 1.002), count, LAPS) for count in (40, 400))
    more = [Noise(Interval(1.5, 1e-3, 1.498, 1.502), count, LAPS) for count in (40, 400)]
    assert standing({"a": few, "b": more[0]}, 1).worse == frozenset()
    assert standing({"a": many, "b": more[1]}, 1).worse == {"b"}
