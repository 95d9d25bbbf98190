"""The test of means must reject estimators that are wrong in the ways that published code has been wrong."""

import pytest
import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp, log_prob_detached
from estimators.draw import Detached, Reparameterized
from tasks.base import Task
from tasks.toys.gaussian import GaussianQuadratic
from tasks.toys.lecture_weights import LectureWeights
from tests.gradients import exact_gradient, mean_differs, replicate


class WrongSign(Estimator):
    targets = ("expectation", "elbo")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        return Estimate(f.mean(0), (run.model_value - f * run.log_q).mean(0))


class MeanOverAllAsBaseline(Estimator):
    """K/(K−1) forgotten: the gradient shrinks by (K−1)/K."""

    targets = ("expectation", "elbo")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        return Estimate(f.mean(0), ((f - f.mean(0)) * run.log_q + run.model_value).mean(0))


class BaselineWithCurrentSample(Estimator):
    """A moving average that is updated before it is read: the gradient shrinks by (1 − decay)/(K B)."""

    targets = ("expectation", "elbo")

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        baseline = 0.9 * 5.0 + 0.1 * f.mean()
        return Estimate(f.mean(0), ((f - baseline) * run.log_q + run.model_value).mean(0))


class LogDensityAlwaysDetached(Estimator):
    """Sticking the landing inside the K-sample bound: unbiased for K = 1 only."""

    targets = ("iwae",)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples)
        task.guide(x, draw)
        latents = draw.trace.latents
        bound = log_mean_exp(task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents))
        return Estimate(bound.detach(), bound)


class MeanOfLogWeights(Estimator):
    """The gradient is that of the K-sample bound, the reported objective that of the ELBO."""

    targets = ("iwae",)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        log_weight = evaluate(task, x, Reparameterized(samples)).f
        return Estimate(log_weight.mean(0).detach(), log_mean_exp(log_weight))


@pytest.mark.parametrize(
    ("task", "estimator", "samples"),
    [
        (GaussianQuadratic(), WrongSign(), 1),
        (GaussianQuadratic(), MeanOverAllAsBaseline(), 5),
        (GaussianQuadratic(), BaselineWithCurrentSample(), 1),
        (LectureWeights(), LogDensityAlwaysDetached(), 2),
        (LectureWeights(), MeanOfLogWeights(), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else str(value),
)
def test_rejects(task: Task, estimator: Estimator, samples: int):
    x = task.load().train
    draws = replicate(task, estimator, x, samples=samples, count=50_000).matrix()
    assert mean_differs(draws, exact_gradient(task, estimator.target(task), x, samples=samples))


def test_accepts_the_same_estimator_where_it_is_right():
    task = LectureWeights()
    x = task.load().train
    draws = replicate(task, LogDensityAlwaysDetached(), x, samples=1, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "iwae", x, samples=1))


def test_detects_seven_standard_errors_and_tolerates_three():
    torch.manual_seed(0)
    draws = torch.randn(10_000, 4, dtype=torch.float64)
    draws = draws - draws.mean(0)
    shift = torch.tensor([0, 0, 0.01, 0], dtype=torch.float64)
    assert not mean_differs(draws, 3 * shift)
    assert mean_differs(draws, 7 * shift)


def test_a_constant_coordinate_must_agree_to_rounding():
    draws = torch.full((10, 2), 1 / 3, dtype=torch.float64)
    mean = torch.full((2,), 1 / 3, dtype=torch.float64)
    assert not mean_differs(draws, mean)
    assert mean_differs(draws, mean + 1e-7)


def test_chunks_share_no_randomness_and_seeds_repeat():
    task, x = GaussianQuadratic(), GaussianQuadratic().load().train
    draws = [
        replicate(task, MeanOverAllAsBaseline(), x, samples=2, count=100, chunk=40, seed=s).matrix() for s in (0, 0, 1)
    ]
    torch.testing.assert_close(draws[0], draws[1], atol=0, rtol=0)
    assert len(draws[0].unique(dim=0)) == 100
    assert not torch.equal(draws[0], draws[2])
