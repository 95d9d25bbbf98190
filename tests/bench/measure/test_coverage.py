"""Coverage of the 95% intervals of variance, bias, mean squared error and signal-to-noise ratio.

Every case is decided by `laws.covers`: it fails by chance with probability 1e-5, and the seeds are fixed.
"""

import math
from collections.abc import Iterator

import pytest
import torch

from bench.measure.metrics import gradient_metrics
from bench.measure.moments import Moments
from bench.measure.reference import Reference
from bench.statistics import intervals
from bench.statistics.intervals import Interval
from tests.bench.measure import laws
from tests.bench.measure.laws import Law

SIMULATIONS = 1000


def measured(law: Law, moments: Moments, reference: Reference, simulations: int) -> Iterator[dict[str, Interval]]:
    for i in range(simulations):
        yield gradient_metrics(moments, laws.where(law, i), reference)


def coverage(law: Law, replicates: int, standard_errors: float, *, monte_carlo: bool, seed: int) -> dict[str, int]:
    """Return how many of `SIMULATIONS` intervals contain the truth, by metric."""
    moments = laws.simulate(law, replicates, SIMULATIONS, seed)
    wrong, bias = laws.shifted(law, standard_errors, replicates)
    if monte_carlo:
        other = laws.simulate(law, replicates, SIMULATIONS, seed + 1)
        reference = Reference(other.mean + (wrong - law.mean).repeat(SIMULATIONS), other.counts, "")
    else:
        reference = Reference(wrong.repeat(SIMULATIONS)[None], None, "")
    truth = {
        "variance": law.trace,
        "bias": bias,
        "relative_bias": bias / float(wrong.norm()),
        "mse": law.trace + bias**2,
        "snr": float(law.mean.norm()) / math.sqrt(law.trace),
    }
    covered = dict.fromkeys(truth, 0)
    for metrics in measured(law, moments, reference, SIMULATIONS):
        for name, value in truth.items():
            covered[name] += name in metrics and metrics[name].low <= value <= metrics[name].high
    return covered


LIGHT = {
    "1": laws.GAUSSIAN_1,
    "anisotropic-2": laws.ANISOTROPIC_2,
    "50": laws.GAUSSIAN_50,
    "anisotropic-50": laws.ANISOTROPIC_50,
    "pathwise": laws.PATHWISE,
}


@pytest.mark.parametrize("monte_carlo", [False, True], ids=["exact", "monte-carlo"])
@pytest.mark.parametrize("law", LIGHT.values(), ids=LIGHT)
def test_large_bias(law: Law, monte_carlo: bool):
    covered = coverage(law, 2000 if len(law.mean) < 50 else 200, 10, monte_carlo=monte_carlo, seed=1)
    assert [name for name, count in covered.items() if not laws.covers(count, SIMULATIONS)] == []


@pytest.mark.parametrize("monte_carlo", [False, True], ids=["exact", "monte-carlo"])
@pytest.mark.parametrize("law", [laws.GAUSSIAN_1, laws.ANISOTROPIC_50, laws.PATHWISE], ids=["1", "50", "pathwise"])
def test_no_bias(law: Law, monte_carlo: bool):
    # A bias of zero lies at the edge of what is possible, so that only a lower bound can be wrong.
    covered = coverage(law, 200, 0, monte_carlo=monte_carlo, seed=3)
    assert [name for name, count in covered.items() if not laws.covers(count, SIMULATIONS, most=0.99)] == []


@pytest.mark.parametrize(
    ("law", "standard_errors"),
    [(laws.GAUSSIAN_1, 1), (laws.ANISOTROPIC_2, 2), (laws.GAUSSIAN_50, 2)],
    ids=["1", "2", "50"],
)
def test_small_bias(law: Law, standard_errors: int):
    covered = coverage(law, 200, standard_errors, monte_carlo=False, seed=5)
    assert laws.covers(covered["bias"], SIMULATIONS)
    assert laws.covers(covered["relative_bias"], SIMULATIONS)


@pytest.mark.parametrize("replicates", [200, 2000])
def test_very_heavy_tails(replicates: int):
    # The replicates hold too few of the rare large gradients to tell how large their variance is. The plain t interval
    # of the logarithm covers 83% here at R = 200.
    covered = coverage(laws.SCORE, replicates, 2, monte_carlo=False, seed=7)
    assert [name for name, count in covered.items() if not laws.covers(count, SIMULATIONS, 0.90, 0.99)] == []


@pytest.mark.parametrize("narrower", [0.8, 0.654])
def test_narrow_intervals_are_found(narrower: float, monkeypatch: pytest.MonkeyPatch):
    """Intervals 20% narrower, and those of 80%, must fail the test of coverage."""
    quantile = intervals.quantile
    monkeypatch.setattr(intervals, "quantile", lambda degrees: narrower * quantile(degrees))
    covered = coverage(laws.GAUSSIAN_1, 500, 10, monte_carlo=False, seed=1)
    assert [name for name, count in covered.items() if not laws.covers(count, SIMULATIONS)] != []


def test_a_bias_near_zero_is_not_claimed():
    """Without bias the lower bound is zero 95% of the time, and the upper bound of the order of the standard error."""
    law = laws.ANISOTROPIC_2
    reference = Reference(law.mean.repeat(SIMULATIONS)[None], None, "")
    bias = [m["bias"] for m in measured(law, laws.simulate(law, 500, SIMULATIONS, 9), reference, SIMULATIONS)]
    assert laws.covers(sum(interval.low == 0 for interval in bias), SIMULATIONS, 0.94, 0.99)
    error = math.sqrt(law.trace / 500)
    assert all(error < interval.high < 10 * error for interval in bias)
    assert torch.tensor([interval.value == 0 for interval in bias]).double().mean() > 0.4
