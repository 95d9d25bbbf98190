"""Score-function estimators against exact gradients, on continuous and discrete latents."""

from collections.abc import Callable

import pytest
import torch

from estimators.base import Estimate, Estimator, evaluate
from estimators.distributions.parameters import parameters
from estimators.draw import Detached
from estimators.parts.shapes import sum_events
from estimators.score_function.nvil import NVIL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from estimators.score_function.reinforce_optimal import ReinforceOptimal
from estimators.score_function.vargrad import VarGrad
from tasks.base import Task
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianQuadratic
from tests.estimators.exactness import lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits, Counts
from tests.gradients import replicate


def nvil() -> NVIL:
    """Return the estimator with a baseline that has learned something."""
    estimator = NVIL()
    estimator.bias.data.fill_(1.3)
    estimator.total.fill_(0.4)
    estimator.square.fill_(2.0)
    estimator.mass.fill_(0.5)
    return estimator


COSTS: list[Callable[[], Task]] = [GaussianQuadratic, lambda: BernoulliQuadratic(dim=3), Counts]
BOUNDS: list[Callable[[], Task]] = [lecture_weights, Bits, lambda: Bits(chained=True)]


@pytest.mark.parametrize("build", COSTS + BOUNDS)
@pytest.mark.parametrize(
    ("make", "samples"), [(Reinforce, 1), (nvil, 1), (nvil, 3), (ReinforceOptimal, 1), (lambda: ReinforceOptimal(3), 2)]
)
def test_unbiased(make: Callable[[], Estimator], samples: int, build: Callable[[], Task]):
    assert not misses(make(), build(), samples=samples)


@pytest.mark.parametrize("build", BOUNDS)
@pytest.mark.parametrize("samples", [2, 5])
def test_vargrad_is_unbiased_and_equals_leave_one_out_draw_by_draw(samples: int, build: Callable[[], Task]):
    task = build()
    x = task.load().train
    assert not misses(VarGrad(), task, samples=samples)
    twins = [replicate(task, e, x, samples=samples, count=100, seed=2).matrix() for e in (VarGrad(), ReinforceLOO())]
    torch.testing.assert_close(*twins)


def test_vargrad_is_taken_per_datapoint():
    """A variance over the sums of a batch would mix the datapoints: it is not the leave-one-out gradient."""
    task, x = linear_gaussian(), linear_gaussian().load().train
    twins = [replicate(task, e, x, samples=4, count=50, seed=2).matrix() for e in (VarGrad(), ReinforceLOO())]
    torch.testing.assert_close(*twins)


class SamePilot(Estimator):
    """The optimal baseline from the very samples that it is subtracted from: biased O(1/K)."""

    targets = ("expectation",)

    def estimate(self, task: Task, x: torch.Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f, surrogate = run.f.detach(), run.model_value
        for site in run.trace.sites.values():
            distribution = site.distribution
            (logits,) = parameters(distribution).values()
            score = site.value - logits.detach().sigmoid()
            baseline = (f[..., None] * score**2).mean(0) / (score**2).mean(0)
            surrogate = surrogate + sum_events((f[..., None] - baseline) * score * logits)
        return Estimate(f.mean(0), surrogate.mean(0))


def test_pilot_samples_must_be_independent():
    task = BernoulliQuadratic(t=0.3)
    assert misses(SamePilot(), task, samples=3)
    assert not misses(ReinforceOptimal(3), task, samples=3)


def test_optimal_baseline_reduces_variance_of_each_coordinate():
    task = GaussianQuadratic()
    x = task.load().train
    variance = {
        type(estimator): replicate(task, estimator, x, samples=1, count=20_000).matrix().var(0)[:2]
        for estimator in (Reinforce(), ReinforceOptimal(100))
    }
    # The two ratios are near 0.6; the variance's standard error is below 4 % of it.
    assert bool((variance[ReinforceOptimal] < 0.8 * variance[Reinforce]).all())


def test_nvil_learns_its_baseline_and_nothing_else():
    """The baseline descends to E f(x); surrogate and auxiliary loss do not reach each other's parameters."""
    torch.manual_seed(0)
    task = linear_gaussian()
    x, estimator = task.load().train, NVIL(hidden=8)
    estimator.prepare(task, x[:1])
    estimator.double()
    optimizer = torch.optim.Adam(estimator.parameters(), lr=0.02)
    losses = []
    for _ in range(300):
        estimate = estimator(task, x, 20)
        loss = estimate.auxiliary
        assert loss is not None
        own, theirs = list(estimator.parameters()), list(task.parameters())
        assert not any(g is not None for g in torch.autograd.grad(loss, theirs, allow_unused=True, retain_graph=True))
        surrogate = estimate.surrogate.sum()
        assert not any(g is not None for g in torch.autograd.grad(surrogate, own, allow_unused=True, retain_graph=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    state = estimator.state_dict()
    again = NVIL(hidden=8)
    again.prepare(task, x[:1])
    again.double().load_state_dict(state)
    torch.testing.assert_close(again.baseline(x), estimator.baseline(x))


def test_nvil_reads_its_averages_before_it_updates_them():
    task = lecture_weights()
    x, estimator = task.load().train, NVIL(decay=0.5)
    torch.manual_seed(0)
    estimate = estimator(task, x, 4)
    assert estimator.mass.item() == 0
    estimator.observe(estimate)
    torch.testing.assert_close(
        estimator.total / estimator.mass, estimate.objective.mean(), check_dtype=False, rtol=1e-6, atol=0
    )


def test_nvil_divides_its_signal_by_the_moving_root_mean_square():
    """Losses 9 and 25 with decay ½: (½ · 9 + 25) / 1½ = 59/3, of which a signal is divided by the root; 1 at least."""
    task = GaussianQuadratic()
    x = task.load().train
    plain, divided = NVIL(decay=0.5), NVIL(decay=0.5, normalise=True)
    for losses, divisor in (((9.0, 25.0), (59 / 3) ** 0.5), ((0.04, 0.09), 1.0)):
        for estimator in (plain, divided):
            for name in ("total", "square", "mass"):
                getattr(estimator, name).zero_()
            for loss in losses:
                estimator.observe(Estimate(torch.tensor([2.0]), torch.zeros(1), torch.tensor(loss)))
            torch.testing.assert_close(estimator.total / estimator.mass, torch.tensor(2.0))
        whole, part = (replicate(task, e, x, samples=2, count=20, seed=1).matrix()[:, :-1] for e in (plain, divided))
        torch.testing.assert_close(part * divisor, whole)


def test_nvil_with_normalisation_is_declared_biased_and_is():
    estimator = nvil()
    estimator.normalise = True
    assert not NVIL(normalise=True).unbiased
    assert misses(estimator, lecture_weights(), samples=1)
