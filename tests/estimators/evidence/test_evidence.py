"""The jackknife and the randomly truncated series against closed forms of the evidence."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from scipy.special import digamma
from torch import Tensor

from estimators.base import Unfit, log_mean_exp
from estimators.evidence import sumo
from estimators.evidence.jvi import JVI, jackknife_coefficients
from estimators.evidence.sumo import SUMO
from tasks.base import Task
from tasks.toys.gamma_weights import GammaWeights
from tests.estimators.exactness import exact_gradient_of, lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import exact_gradient, mean_differs, replicate


def combination_of_bounds(task: Task, order: int, samples: int) -> Tensor:
    """Return the gradient of Σ_j c_j L_{K−j} in θ and of L_K in φ, and the former's value, from the exact L_K."""
    x = task.load().train
    bounds = [exact_gradient(task, "iwae", x, samples=samples - j) for j in range(order + 1)]
    combined = torch.stack([c * b for c, b in zip(jackknife_coefficients(samples, order), bounds, strict=True)]).sum(0)
    of_guide = sum(value.numel() for value in task.guide.parameters())
    return torch.cat([bounds[0][:of_guide], combined[of_guide:]])


@pytest.mark.parametrize(("order", "samples"), [(1, 2), (1, 5), (2, 3), (2, 5), (3, 4)])
def test_jackknife_mean_is_the_combination_of_bounds(order: int, samples: int):
    """On `gamma-weights` L_K is in closed form for every K, gradient included."""
    task = GammaWeights(3.0)
    x = task.load().train
    draws = replicate(task, JVI(order), x, samples=samples, count=40_000).matrix()
    assert not mean_differs(draws, combination_of_bounds(task, order, samples))
    assert mean_differs(draws, exact_gradient(task, "iwae", x, samples=samples))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("build", [Bits, lambda: Bits(chained=True), lecture_weights, linear_gaussian])
def test_jackknife_is_unbiased_for_its_own_mean(build: Callable[[], Task], order: int):
    assert not misses(JVI(order), build(), samples=3, count=40_000)


def jackknifed_bias(bias: Callable[[int], float], order: int, samples: int) -> float:
    return math.fsum(c * bias(samples - j) for j, c in enumerate(jackknife_coefficients(samples, order)))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_jackknife_bias_falls_as_the_order_says(order: int):
    """Any bias Σ_p a_p K^{−p} becomes O(K^{−m−1}): doubling K divides it by 2^{m+1}."""

    def bias(samples: int) -> float:
        return math.fsum(samples**-p for p in range(1, 7))

    ratio = jackknifed_bias(bias, order, 40) / jackknifed_bias(bias, order, 80)
    assert ratio == pytest.approx(2 ** (order + 1), rel=0.15)


@pytest.mark.parametrize(("order", "rate"), [(1, 2), (2, 4)])
def test_jackknife_bias_on_gamma_weights(order: int, rate: int):
    """L_K − log p = ψ(K) − log K has no term in K⁻³, so that the second order gains two."""

    def bias(samples: int) -> float:
        return float(digamma(samples) - math.log(samples))

    ratio = jackknifed_bias(bias, order, 20) / jackknifed_bias(bias, order, 40)
    assert ratio == pytest.approx(2**rate, rel=0.15)


@pytest.mark.parametrize(("order", "samples"), [(1, 2), (1, 6), (2, 5), (4, 5)])
def test_jackknife_weights_add_up_to_one(order: int, samples: int):
    assert sum(jackknife_coefficients(samples, order)) == pytest.approx(1)


def test_first_order_by_the_published_form():
    torch.manual_seed(0)
    log_weight, k = torch.randn(6, 3, dtype=torch.float64), 6
    rest = torch.log1p(-log_weight.softmax(0)).sum(0)
    expected = log_weight.logsumexp(0) - (k - 1) / k * rest - k * math.log(k) + (k - 1) * math.log(k - 1)
    torch.testing.assert_close(JVI(1).bound(log_weight), expected)


def test_exact_jackknife_agrees_with_the_combination_of_bounds():
    task = Bits()
    found = exact_gradient_of(JVI(2), task, task.load().train, 3)
    torch.testing.assert_close(found, combination_of_bounds(task, 2, 3))


def test_jackknife_refuses_too_many_subsets_and_too_few_samples():
    task = lecture_weights()
    x = task.load().train
    JVI(1).require(task, x, 1000)
    with pytest.raises(Unfit, match="subsets"):
        JVI(3).require(task, x, 100)
    with pytest.raises(Unfit, match="at least 3 samples"):
        JVI(2).require(task, x, 2)


def test_truncation_follows_its_distribution():
    chances = sumo.survival(300)
    assert chances[:3] == [1, 1 / 2, 1 / 3]
    assert chances[79] == 1 / 80
    assert chances[80] == pytest.approx(0.9 / 80)
    # Between P(𝒦 ≥ k + 1) and P(𝒦 ≥ k) lies exactly 𝒦 = k.
    for k in (1, 2, 40, 79, 80, 81, 200):
        middle = (chances[k - 1] + chances[k]) / 2
        assert sumo.truncation(middle) == k
    assert sumo.truncation(1.0) == 1


def truncated_mean(log_weight: Tensor) -> Tensor:
    """Return Σ_k P(𝒦 = k) S_k, with all of the tail put on the last k, from one stream [K, B]."""
    chances = torch.tensor([*sumo.survival(len(log_weight) - 1), 0.0], dtype=log_weight.dtype)
    series = sumo.weighted_increments(log_weight).cumsum(0)[1:]
    return (-chances.diff()[:, None] * series).sum(0)


def test_series_telescopes_exactly():
    """Over 𝒦 ≤ n, the mean of the series on any stream of samples is L̂_{n+1}, and so is its gradient."""
    torch.manual_seed(0)
    log_weight = torch.randn(120, 2, dtype=torch.float64, requires_grad=True)
    value, bound = truncated_mean(log_weight), log_mean_exp(log_weight)
    torch.testing.assert_close(value, bound)
    for actual, expected in zip(
        torch.autograd.grad(value.sum(), log_weight), torch.autograd.grad(bound.sum(), log_weight), strict=True
    ):
        torch.testing.assert_close(actual, expected)


def test_a_series_without_the_division_does_not_telescope(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    log_weight = torch.randn(60, 2, dtype=torch.float64)
    monkeypatch.setattr(sumo, "survival", lambda count: [1 / (k + 1) for k in range(1, count + 1)])
    assert not torch.allclose(truncated_mean(log_weight), log_mean_exp(log_weight), rtol=1e-3)


def test_series_adds_up_to_the_evidence():
    """E S = L_1 + Σ (L_{k+1} − L_k) → log p(x) = 0, with L_k = ψ(ak) − log(ak) on `gamma-weights`."""
    bounds = [digamma(2.0 * k) - math.log(2.0 * k) for k in range(1, 4001)]
    increments = math.fsum(b - a for a, b in pairwise(bounds))
    assert bounds[0] + increments == pytest.approx(0, abs=1e-3)


def test_sumo_splits_its_gradient_between_model_and_guide():
    """θ ascends S, φ descends S²: the guide's gradient is −2 S times that of S on the same draws."""
    task, x = linear_gaussian(), linear_gaussian().load().train[:1]
    torch.manual_seed(5)
    estimate = SUMO()(task, x, 1)
    found = torch.autograd.grad(estimate.surrogate.sum(), list(task.parameters()))
    torch.manual_seed(5)
    count = sumo.truncation(1 - torch.rand((), dtype=torch.float64).item())
    draw = sumo.PathwiseOrDetached(count + 1)
    task.guide(x, draw)
    series = sumo.weighted_increments(task.model(x, draw.trace.latents) - draw.trace.log_prob()).sum(0)
    plain = torch.autograd.grad(series.sum(), list(task.parameters()))
    torch.testing.assert_close(estimate.objective, series.detach())
    for (name, _), actual, expected in zip(task.named_parameters(), found, plain, strict=True):
        factor = -2 * series.item() if name.startswith("guide.") else 1
        torch.testing.assert_close(actual, factor * expected)


@pytest.mark.parametrize("longest", [1, 2])
@pytest.mark.parametrize("build", [Bits, lambda: Bits(chained=True), lecture_weights, linear_gaussian])
def test_a_series_with_an_end_against_its_exact_moments(build: Callable[[], Task], longest: int):
    """θ's mean gradient is that of L_K, K = longest + 1, and φ's that of −E S², by enumeration or quadrature."""
    assert not misses(SUMO(longest=longest), build(), samples=1, count=40_000)


def test_a_series_with_an_end_and_one_without_agree_where_both_are_short():
    task, x = linear_gaussian(), linear_gaussian().load().train[:1]
    for seed in range(20):
        torch.manual_seed(seed)
        free = SUMO()(task, x, 1).objective
        torch.manual_seed(seed)
        count = sumo.truncation(1 - torch.rand((), dtype=torch.float64).item())
        torch.manual_seed(seed)
        bounded = SUMO(longest=count)(task, x, 1).objective
        torch.testing.assert_close(free, bounded)


def test_sumo_says_why_it_loops():
    task = lecture_weights()
    with pytest.raises(RuntimeError, match="random number of samples"):
        replicate(task, SUMO(), task.load().train, count=2)
