"""The hybrid: score function for discrete sites, paths for continuous ones."""

import pytest
import torch
from torch import Tensor

from bench.check.points import Point, task_subjects
from estimators.base import Estimate, Unfit, evaluate
from estimators.combined.hybrid import Hybrid
from estimators.discrete.enumerate import Enumerate
from estimators.draw import PathwiseOrDetached
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tasks.images.vae_categorical import CategoricalMnist
from tasks.latent_variables.mixture_vae import MixtureVAE
from tests.estimators.belief import misses_on_sbn, sbn
from tests.estimators.exactness import exact_gradient_of, linear_gaussian
from tests.estimators.tiny import Counts
from tests.gradients import mean_differs, replicate

COUNT = 30_000


def mixture() -> tuple[Task, Tensor]:
    """Return a mixture with an exact answer, away from its start."""
    (subject,) = task_subjects("mixture-vae(components=3, latent=1, hidden=3)")
    point = Point(subject)
    return point.task, point.x


def misses_on_mixture(estimator: Hybrid, samples: int) -> bool:
    task, x = mixture()
    draws = replicate(task, estimator, x, samples=samples, count=COUNT, chunk=10_000).matrix()
    return mean_differs(draws, exact_gradient_of(estimator, task, x, samples))


@pytest.mark.parametrize(("estimator", "samples"), [(Hybrid(), 2), (Hybrid(), 3), (Hybrid("enumerate"), 1)])
def test_mean_is_exact_on_a_mixed_task(estimator: Hybrid, samples: int):
    assert not misses_on_mixture(estimator, samples)


class WithoutCorrection(Hybrid):  # pyright: ignore[reportGeneralTypeIssues]
    """The baseline is the mean over all samples, and K/(K − 1) is forgotten."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = PathwiseOrDetached(samples)
        f = evaluate(task, x, draw).f
        score = draw.score()
        assert score is not None
        centred = (f - f.mean(0)).detach()
        return Estimate(f.detach().mean(0), (f + centred * score).mean(0))


def test_a_forgotten_correction_is_caught():
    assert misses_on_mixture(WithoutCorrection(), 2)


def test_is_leave_one_out_where_everything_is_discrete():
    task, x = sbn(layers=2)
    draws = replicate(task, Hybrid(), x, samples=3, count=5).matrix()
    torch.testing.assert_close(draws, replicate(task, ReinforceLOO(), x, samples=3, count=5).matrix())
    assert not misses_on_sbn(Hybrid("enumerate"), samples=2, count=3)
    once = replicate(task, Enumerate(), x, count=1).matrix()
    torch.testing.assert_close(replicate(task, Hybrid("enumerate"), x, count=1).matrix(), once)


def test_is_pathwise_where_everything_is_continuous():
    task = linear_gaussian()
    x = task.load().train
    draws = replicate(task, Hybrid(), x, samples=2, count=5).matrix()
    torch.testing.assert_close(draws, replicate(task, Reparam(), x, samples=2, count=5).matrix())


def guide_variance(estimator: Hybrid | Reinforce, samples: int) -> Tensor:
    """Return the trace of φ's covariance in each of 20 groups."""
    task, x = mixture()
    found = replicate(task, estimator, x, samples=samples, count=20_000, chunk=10_000).gradients
    rows = torch.cat([g.flatten(1) for name, g in found.items() if name.startswith("guide")], 1)
    return rows.unflatten(0, (20, -1)).var(1).sum(1)


def test_less_variance_than_the_score_function_for_every_site():
    plain, mixed = guide_variance(Reinforce(), 2), guide_variance(Hybrid(), 2)
    # Five standard errors: equal variances pass once in 10^6.
    assert plain.mean() - mixed.mean() > 5 * ((plain.var() + mixed.var()) / 20).sqrt()


def test_refusals():
    with pytest.raises(Unfit, match="at least 2 samples"):
        Hybrid().require(MixtureVAE(), torch.zeros(1, 2), 1)
    Hybrid("enumerate").require(MixtureVAE(), torch.zeros(1, 2), 1)
    many = CategoricalMnist("tiny", categories=3, variables=8, wide=2, narrow=2)
    with pytest.raises(Unfit, match=r"enumerate\) does not fit vae-categorical: the latents have 6561 joint states"):
        Hybrid("enumerate").require(many, torch.zeros(1, 5), 1)
    with pytest.raises(Unfit, match="no finite support"):
        Hybrid("enumerate").require(Counts(), Counts().load().train, 1)
    with pytest.raises(ValueError, match="score or enumerate; it is 'sum'"):
        Hybrid("sum")  # pyright: ignore[reportArgumentType]
