"""Double CV and RODEO: exact means, learned coefficients, and their common start at leave-one-out REINFORCE."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, Unfit, mean_of_others
from estimators.discrete.double_cv import DoubleCV
from estimators.discrete.rodeo import RODEO
from estimators.draw import Detached
from estimators.parts.binary import along_logits, logits_of
from estimators.parts.slopes import with_slopes
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tests.estimators.belief import misses_on_sbn, sbn
from tests.estimators.exactness import misses
from tests.estimators.tiny import Bits
from tests.gradients import replicate


def rodeo(coefficient: float) -> RODEO:
    torch.manual_seed(2)
    return RODEO(hidden=8, coefficient=coefficient)


@pytest.mark.parametrize("samples", [2, 3])
@pytest.mark.parametrize("make", [lambda: DoubleCV(-1.0), lambda: DoubleCV(0.7), lambda: rodeo(0.5), lambda: rodeo(-1)])
def test_mean_is_exact_whatever_the_coefficient(make: Callable[[], Estimator], samples: int):
    assert not misses_on_sbn(make(), samples=samples)


@pytest.mark.parametrize("samples", [2, 3])
def test_double_cv_is_exact_in_every_layer(samples: int):
    assert not misses_on_sbn(DoubleCV(-1.0), samples=samples, layers=3)


@pytest.mark.parametrize("chained", [False, True])
def test_double_cv_is_exact_for_two_sites(chained: bool):
    assert not misses(DoubleCV(-1.0).double(), Bits(chained), samples=3)


@pytest.mark.parametrize("make", [DoubleCV, RODEO])
def test_starts_as_leave_one_out(make: Callable[[], Estimator]):
    task, x = sbn()
    start = replicate(task, make().double(), x, samples=4, count=5).matrix()
    torch.testing.assert_close(start, replicate(task, ReinforceLOO(), x, samples=4, count=5).matrix())


def variance(estimator: Estimator) -> Tensor:
    """Return the trace of φ's covariance in each of 20 groups of replicates."""
    task, x = sbn(latent=3)
    draws = replicate(task, estimator, x, samples=3, count=20_000)
    guide = torch.cat([g.flatten(1) for name, g in draws.gradients.items() if name.startswith("guide")], 1)
    return guide.unflatten(0, (20, -1)).var(1).sum(1)


@pytest.mark.parametrize("make", [DoubleCV, RODEO])
def test_learning_lowers_the_variance(make: Callable[[], Estimator]):
    task, x = sbn(latent=3)
    torch.manual_seed(4)
    estimator = make().double()
    optimizer = torch.optim.Adam(estimator.parameters(), lr=0.02)
    for _ in range(200):
        loss = estimator(task, x, 3).auxiliary
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    before, after = variance(ReinforceLOO()), variance(estimator)
    # Five standard errors of the difference, so that a coefficient that does nothing passes once in 10^6.
    assert before.mean() - after.mean() > 5 * ((before.var() + after.var()) / 20).sqrt()


class WithoutMean(DoubleCV):  # pyright: ignore[reportGeneralTypeIssues]
    """The mean of the control variate is not given back."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        whole = super().estimate(task, x, samples)
        draw = Detached(samples)
        task.guide(x, draw)
        ((name, site),) = draw.trace.sites.items()
        logits = logits_of(site.distribution)
        p = logits.sigmoid().detach()
        mean = self.coefficient * p * (1 - p) * mean_of_others(with_slopes(task, x, draw.trace).slopes[name])
        return Estimate(whole.objective, whole.surrogate + along_logits(mean, logits).mean(0))


class WithItself(RODEO):  # pyright: ignore[reportGeneralTypeIssues]
    """h_k is made of all samples, the one that it is evaluated at included."""

    @staticmethod
    def _mean_over_others(value: Tensor) -> Tensor:
        return value.mean(1)


@pytest.mark.parametrize("make", [lambda: WithoutMean(-1.0), lambda: WithItself(hidden=8, coefficient=-2.0)])
def test_broken_control_variates_are_caught(make: Callable[[], Estimator]):
    torch.manual_seed(2)
    assert misses_on_sbn(make(), samples=2)


def test_refusals():
    with pytest.raises(Unfit, match="rodeo handles one layer of latents; sbn-tiny has 2"):
        RODEO().require(*sbn(layers=2), 2)
    with pytest.raises(Unfit, match="at least 2 samples"):
        DoubleCV().require(*sbn(), 1)
    with pytest.raises(ValueError, match="hidden must be at least 1; it is 0"):
        RODEO(hidden=0)
