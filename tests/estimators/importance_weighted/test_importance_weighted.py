"""Every estimator of section "importance-weighted" against the exact gradient of its own target.

Each test of a mean rejects a correct estimator with probability 1e-6 at most (`tests.gradients.FALSE_ALARM`).
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.measure.replicates import gradient_of
from estimators.base import Estimator, Unfit
from estimators.importance_weighted.ciwae import CIWAE
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.gdreg import GDReG
from estimators.importance_weighted.iwae_reinforce import IWAEReinforce
from estimators.importance_weighted.miwae import MIWAE
from estimators.importance_weighted.ovis import OVIS
from estimators.importance_weighted.ovis_mc import OVISMC
from estimators.importance_weighted.piwae import PIWAE
from estimators.importance_weighted.renyi import Renyi
from estimators.importance_weighted.rws_dreg import RWSDReG
from estimators.importance_weighted.tvo import TVO
from estimators.importance_weighted.vimco import VIMCO
from estimators.importance_weighted.wake_sleep import WakeSleep
from tasks.base import Task
from tasks.latent_variables.gamma_poisson import GammaPoisson
from tasks.toys.gamma_weights import GammaWeights
from tests.estimators.exactness import lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import replicate

UNBIASED: list[tuple[Callable[[], Estimator], int]] = [
    (IWAEReinforce, 1),
    (IWAEReinforce, 2),
    (IWAEReinforce, 3),
    (VIMCO, 2),
    (VIMCO, 3),
    (lambda: VIMCO("arithmetic"), 3),
    (OVIS, 2),
    (OVIS, 3),
    (OVISMC, 2),
    (lambda: OVISMC(3), 3),
    (CIWAE, 3),
    (lambda: CIWAE(1.0), 2),
    (lambda: Renyi(0.5), 3),
    (lambda: Renyi(-1.0), 2),
    (lambda: MIWAE(2), 4),
    (lambda: MIWAE(3), 6),
    (lambda: TVO(partitions=1), 3),
]
CONTINUOUS: list[tuple[Callable[[], Estimator], int]] = [
    (DReG, 2),
    (lambda: PIWAE(2), 2),
    (lambda: PIWAE(3), 3),
    (lambda: PIWAE(1), 3),
]


@pytest.mark.parametrize(("make", "samples"), UNBIASED + CONTINUOUS)
def test_unbiased_on_a_gaussian(make: Callable[[], Estimator], samples: int):
    assert not misses(make(), lecture_weights(), samples=samples)


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize(("make", "samples"), UNBIASED)
def test_unbiased_on_discrete_latents(make: Callable[[], Estimator], samples: int, chained: bool):
    assert not misses(make(), Bits(chained), samples=samples, count=20_000)


@pytest.mark.parametrize(
    ("make", "samples"), [(GDReG, 1), (GDReG, 2), (GDReG, 3), (WakeSleep, 1), (WakeSleep, 3), (CIWAE, 3), (VIMCO, 2)]
)
def test_unbiased_on_an_amortized_guide(make: Callable[[], Estimator], samples: int):
    assert not misses(make(), linear_gaussian(), samples=samples)


@pytest.mark.parametrize(("task", "samples"), [(GammaWeights(2.0), 1), (GammaWeights(2.0), 3), (GammaPoisson(n=2), 1)])
def test_gdreg_through_the_implicit_gradient_of_a_gamma_prior(task: Task, samples: int):
    assert not misses(GDReG(), task, samples=samples, count=20_000)


def test_gdreg_has_the_prior_path_only_in_theta():
    task, x = linear_gaussian(), linear_gaussian().load().train
    draws = [replicate(task, estimator, x, samples=2, count=50, seed=1).gradients for estimator in (GDReG(), DReG())]
    for name in ("guide.weight", "guide.bias"):
        torch.testing.assert_close(draws[0][name], draws[1][name])
    assert not torch.allclose(draws[0]["model.loc"], draws[1]["model.loc"])


def test_dreg_with_alpha_mixes_the_two():
    task, x = lecture_weights(), lecture_weights().load().train

    def means(estimator: Estimator) -> Tensor:
        return replicate(task, estimator, x, samples=3, count=100, seed=3).matrix()

    mixed = 0.7 * means(DReG()) + 0.3 * means(RWSDReG())
    torch.testing.assert_close(means(DReG(0.3)), mixed)
    torch.testing.assert_close(means(DReG(1.0)), means(RWSDReG()))

    def exact(estimator: Estimator) -> Tensor:
        value = estimator.exact(task, x, 3)
        assert value is not None
        return gradient_of(value.mean(), task)

    torch.testing.assert_close(exact(DReG(0.3)), 0.7 * exact(DReG()) + 0.3 * exact(RWSDReG()))
    assert DReG().unbiased
    assert not DReG(0.3).unbiased


def test_vimco_keeps_minus_log_samples():
    """With equal weights L̂, c_k and log w are all the same: the signal is −w̃_k = −1/K."""
    log_weight = torch.full((4, 1), 1.7, dtype=torch.float64)
    for mean in ("geometric", "arithmetic"):
        torch.testing.assert_close(VIMCO(mean).baseline(log_weight), log_weight)


def test_vimco_baseline_by_its_definition():
    torch.manual_seed(0)
    log_weight = torch.randn(5, 2, dtype=torch.float64)
    for k in range(5):
        others = torch.cat([log_weight[:k], log_weight[k + 1 :]])
        for estimator, guess in ((VIMCO(), others.mean(0).exp()), (VIMCO("arithmetic"), others.exp().mean(0))):
            expected = ((others.exp().sum(0) + guess) / 5).log()
            torch.testing.assert_close(estimator.baseline(log_weight)[k], expected)


def test_baselines_survive_one_dominant_weight():
    """Where w̃_k = 1 to rounding, the others' sum is not the small difference of two large ones."""
    log_weight = torch.tensor([[0.0], [-800.0], [-801.0]], dtype=torch.float64)
    found = VIMCO("arithmetic").baseline(log_weight)
    assert found[0, 0].item() == pytest.approx(
        -800 + torch.tensor([0.0, -1.0]).logsumexp(0).item() - 0.693147, abs=1e-4
    )


@pytest.mark.parametrize("make", [lambda: MIWAE(2), lambda: PIWAE(2)])
def test_groups_must_divide_the_samples(make: Callable[[], Estimator]):
    task = lecture_weights()
    with pytest.raises(Unfit, match="multiple of 2"):
        make().require(task, task.load().train, 3)


def test_wake_sleep_refuses_a_model_without_observations():
    task = lecture_weights()
    with pytest.raises(Unfit, match="prior"):
        WakeSleep().require(task, task.load().train, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CIWAE(1.5),
        lambda: Renyi(1.0),
        lambda: MIWAE(0),
        lambda: DReG(2.0),
        lambda: OVIS(-1.0),
        lambda: OVISMC(0),
        lambda: TVO(0),
        lambda: TVO(first=1.0),
    ],
)
def test_refuses_impossible_hyperparameters(make: Callable[[], Estimator]):
    with pytest.raises(ValueError, match="must"):
        make()
