"""The numbers that recipes put beside ours: each against enumeration, quadrature or simulation."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from bench.measure.replicates import gradient_of
from bench.reproduce.estimates import fitted, slope_lines, slope_words, value_words
from bench.reproduce.gaussian_costs import exact_variance
from bench.reproduce.lecture_evidence import gamma_bias
from bench.reproduce.lecture_minibatches import datapoint_gradients, minibatch_bias, minibatch_variance
from bench.reproduce.rainforth_2018 import floor
from bench.reproduce.relax_toy import start_variance
from tasks.latent_variables.ppca import PPCA
from tasks.toys.gamma_weights import GammaWeights


@pytest.mark.parametrize("samples", [2, 5, 16])
@pytest.mark.parametrize("a", [0.5, 1.0, 3.0])
def test_the_bias_of_the_bound_is_that_of_the_tasks_exact_gradient(a: float, samples: int) -> None:
    task, x = GammaWeights(a), torch.zeros(1, 0, dtype=torch.float64)
    values = [task.exact(target, x, samples) for target in ("iwae", "evidence")]
    bound, evidence = (gradient_of(value.mean(), task) for value in values if value is not None)
    # φ's two coordinates come first, then log C and log b.
    assert float((bound - evidence)[3]) == pytest.approx(gamma_bias(a, samples, 0), abs=1e-12)
    assert float((bound - evidence)[2]) == pytest.approx(0, abs=1e-12)


def test_each_order_of_the_jackknife_takes_a_power_of_the_samples_off() -> None:
    for order, power in ((0, 1), (1, 2), (2, 3)):
        ratio = gamma_bias(1.0, 2000, order) / gamma_bias(1.0, 1000, order)
        assert abs(ratio) == pytest.approx(2.0**-power, rel=0.01)


def test_variances_of_the_quadratic_are_the_closed_forms() -> None:
    k, loc, scale = 3.0, 1.0, 1.5
    c, s = loc - k, scale
    closed = {
        ("reinforce", "guide.loc"): c**4 / s**2 + 14 * c**2 + 15 * s**2,
        ("reinforce", "guide.scale"): 2 * c**4 / s**2 + 60 * c**2 + 74 * s**2,
        ("reparam", "guide.loc"): 4 * s**2,
        ("reparam", "guide.scale"): 4 * c**2 + 8 * s**2,
        ("measure-valued", "guide.loc"): c**2 * (16 / math.pi - 4),
        ("measure-valued", "guide.scale"): 4 * c**2 + 4 * s**2,
    }
    for (estimator, group), variance in closed.items():
        found = exact_variance("gaussian-quadratic", k, estimator, group, loc, scale)
        assert found == pytest.approx(variance, rel=1e-4)


@pytest.mark.parametrize("task", ["gaussian-exponential", "gaussian-cosine"])
@pytest.mark.parametrize("group", ["guide.loc", "guide.scale"])
def test_the_best_baseline_is_no_worse_than_none_and_better_than_its_neighbours(task: str, group: str) -> None:
    plain = exact_variance(task, 1.3, "reinforce", group, 1.0, 1.0)
    best = exact_variance(task, 1.3, "reinforce-optimal", group, 1.0, 1.0)
    assert 0 < best < plain


def test_the_variance_of_a_minibatch_is_that_of_all_subsets() -> None:
    from itertools import combinations

    gradients = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    means = torch.stack([gradients[list(chosen)].mean(0) for chosen in combinations(range(6), 2)])
    spread = float((means - gradients.mean(0)).square().sum()) / len(means)
    assert minibatch_variance(gradients, 2) == pytest.approx(spread)
    assert minibatch_variance(gradients, 6) == 0


def test_minibatches_are_unbiased_and_a_biased_draw_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = 1 + torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert minibatch_bias(gradients, 4)["ci_low"] == 0
    taken = torch.rand

    def first_more_often(*shape: int, **options: torch.dtype) -> torch.Tensor:
        drawn = taken(*shape, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
        drawn[:, 0] += 0.5
        return drawn

    monkeypatch.setattr(torch, "rand", first_more_often)
    assert float(minibatch_bias(gradients, 4)["ci_low"]) > 0


def test_gradients_of_datapoints_average_to_that_of_all() -> None:
    torch.manual_seed(0)
    task = PPCA(dim=3, latent=2, n=8)
    x = task.load().train
    value = task.exact("elbo", x, 1)
    assert value is not None
    torch.testing.assert_close(datapoint_gradients(task, x).mean(0), gradient_of(value.mean(), task))


@pytest.mark.parametrize("t", [0.45, 0.499])
def test_the_variance_of_reinforce_at_one_half_is_enumerated(t: float) -> None:
    gradients = [(b - t) ** 2 * (b - 0.5) for b in (0, 1)]
    assert start_variance(t) == pytest.approx(np.var(gradients))


def test_the_floor_is_what_a_mean_of_noise_has() -> None:
    draws = np.random.default_rng(0).normal(size=(2000, 100))
    ratio = np.abs(draws.mean(1)) / draws.std(1, ddof=1)
    # The mean of 2000 half-normals has a relative standard error of 0.76/√2000; five of them.
    assert floor(100) == pytest.approx(ratio.mean(), rel=5 * 0.76 / math.sqrt(2000))


K = np.array([2.0, 4.0, 8.0, 16.0])


def _line(values: np.ndarray, law: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {"name": "a", "samples": K, "value": values, "ci_low": values * 0.9, "ci_high": values * 1.1, "law": law}
    )


def test_slopes_stand_beside_that_of_the_law_in_the_same_points() -> None:
    line = _line(3 * K**-0.5, 2 / (K + 1))
    ours, law = fitted(line, "samples"), fitted(line, "samples", "law")
    assert ours is not None
    assert law is not None
    assert ours.slope == pytest.approx(-0.5)
    # Equal relative errors weigh equally: the slope is that of an ordinary fit.
    assert law.slope == pytest.approx(np.polyfit(np.log(K), np.log(2 / (K + 1)), 1)[0])
    [words] = slope_lines(line, ["name"], "samples", ["−1"])
    assert words[0] == "a"
    assert words[1].startswith("−0.50 [")
    assert words[3] == "−1"


def test_what_is_missing_is_a_dash() -> None:
    line = _line(3 / K, 3 / K)
    assert slope_words(fitted(line.head(2), "samples")) == "–"
    assert value_words(line, samples=3.0) == "–"
    assert value_words(line, samples=4.0) == "0.750 [0.675, 0.825]"
