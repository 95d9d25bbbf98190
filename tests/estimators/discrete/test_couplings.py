"""ARM, DisARM and ARMS, and flips of single bits: exact means and variances by enumeration."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.check import enumerated
from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.discrete.arm import ARM
from estimators.discrete.arms import ARMS, debiasing
from estimators.discrete.disarm import Antithetic, DisARM, DisARMIW
from estimators.discrete.flips import BitFlip, LocalExpectation
from estimators.draw import Detached
from estimators.parts.branches import Alternatives
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tasks.images.vae_categorical import CategoricalMnist
from tasks.latent_variables.mixture_vae import MixtureVAE
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tests.estimators.belief import misses_on_sbn, sbn
from tests.estimators.exactness import misses
from tests.estimators.tiny import Bits
from tests.gradients import mean_differs, replicate

LOGITS = torch.tensor([0.3, -1.2, 0.9], dtype=torch.float64)
T = 0.45
PAIRED = [ARM, DisARM, LocalExpectation, BitFlip]


def toy() -> BernoulliQuadratic:
    task = BernoulliQuadratic(T, dim=3)
    task.guide.logits.data.copy_(LOGITS)
    return task


def cost(b: Tensor) -> Tensor:
    return ((b - T) ** 2).sum()


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("make", PAIRED)
def test_mean_is_exact_in_every_layer(make: Callable[[], Estimator], layers: int):
    assert not misses_on_sbn(make(), samples=2, layers=layers)


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("make", [*PAIRED, DisARMIW])
def test_mean_is_exact_for_two_sites(make: Callable[[], Estimator], chained: bool):
    assert not misses(make(), Bits(chained), samples=1)


@pytest.mark.parametrize(("samples", "layers"), [(1, 1), (2, 1), (3, 1), (2, 3)])
def test_disarm_iw_is_exact_for_the_k_sample_bound(samples: int, layers: int):
    assert not misses_on_sbn(DisARMIW(), samples=samples, layers=layers)


@pytest.mark.parametrize("samples", [2, 3, 5])
def test_arms_is_exact(samples: int):
    assert not misses_on_sbn(ARMS(), samples=samples)


def measured(estimator: Estimator, samples: int) -> Tensor:
    task = toy()
    draws = replicate(task, estimator, task.load().train, samples=samples, count=40_000)
    return draws.gradients["guide.logits"]


P = LOGITS.sigmoid()
MOMENTS = {
    "arm": (ARM, 1, enumerated.arm_moments(P, cost)),
    "disarm": (DisARM, 1, enumerated.moments(enumerated.disarm(P, cost))),
    "arms": (ARMS, 2, enumerated.moments(enumerated.disarm(P, cost))),
    "reinforce-loo": (ReinforceLOO, 2, enumerated.moments(enumerated.leave_one_out(P, cost))),
    "bitflip": (BitFlip, 1, enumerated.moments(enumerated.bitflip(P, cost))),
    "local-expectation": (LocalExpectation, 1, enumerated.moments(enumerated.local_expectation(P, cost))),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_mean_and_variance_are_those_of_enumeration(name: str):
    make, samples, (mean, variance) = MOMENTS[name]
    draws = measured(make(), samples)
    torch.testing.assert_close(mean, P * (1 - P) * (1 - 2 * T))
    assert not mean_differs(draws, mean)
    assert not mean_differs((draws - mean) ** 2, variance)


def test_variance_of_another_estimator_is_told_apart():
    draws = measured(ARM(), 1)
    mean, variance = MOMENTS["disarm"][2]
    assert mean_differs((draws - mean) ** 2, variance)


def test_order_of_the_exact_variances_at_two_evaluations():
    total = {name: float(variance.sum()) for name, (_, _, (_, variance)) in MOMENTS.items()}
    plain = float(enumerated.moments(enumerated.score_function(P, cost))[1].sum()) / 2
    assert total["local-expectation"] < 1e-30
    assert total["disarm"] < total["reinforce-loo"] < plain
    assert total["disarm"] < total["arm"]


@pytest.mark.parametrize("samples", [2, 3, 8])
def test_debiasing_undoes_the_correlation_of_the_copula(samples: int):
    logits = torch.tensor([-30.0, -2.0, -0.1, 0.4, 3.0, 30.0], dtype=torch.float64)
    p = logits.sigmoid()

    def joint(q: Tensor) -> Tensor:
        return (2 * q ** (1 / (samples - 1)) - 1).clamp(min=0) ** (samples - 1)

    p11 = torch.where(p < 0.5, joint(p), 2 * p - 1 + joint(1 - p))
    # 1 − p is lost beyond 30; there the factor is one, less the smaller probability.
    torch.testing.assert_close(debiasing(logits, samples)[:-1], (p * (1 - p) / (p - p11))[:-1])
    torch.testing.assert_close(debiasing(logits, samples), debiasing(-logits, samples))
    assert debiasing(torch.tensor([-200.0, 200.0]), samples).isfinite().all()


class WithoutHalf(Antithetic):
    """DisARM without its ½."""

    formula = paper = ""

    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        found = super().propose(logits, uniform, bits)
        return Alternatives(found.bits, 2 * found.weight)


class Independent(Antithetic):
    """DisARM's weight for a pair that is not antithetic."""

    formula = paper = ""

    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        return super().propose(logits, torch.rand_like(uniform), bits)


class WithoutDirectTerm(DisARMIW):  # pyright: ignore[reportGeneralTypeIssues]
    """DisARM for the bound with −Σ_k w̃_k s_k forgotten."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        whole = super().estimate(task, x, samples)
        run = evaluate(task, x, Detached(samples))
        forgotten = (run.f.softmax(0).detach() * run.log_q).sum(0)
        return Estimate(whole.objective, whole.surrogate + forgotten)


@pytest.mark.parametrize("make", [WithoutHalf, Independent])
def test_broken_pairs_are_caught(make: Callable[[], Estimator]):
    assert misses_on_sbn(make(), samples=1)


def test_forgotten_gradient_of_the_bound_at_fixed_bits_is_caught():
    assert misses_on_sbn(WithoutDirectTerm(), samples=2)


def test_refusals():
    deep, x = sbn(layers=3)
    with pytest.raises(Unfit, match="arms handles one layer of latents; sbn-tiny has 3"):
        ARMS().require(deep, x, 2)
    with pytest.raises(Unfit, match="at least 2 samples"):
        ARMS().require(*sbn(), 1)
    categorical = CategoricalMnist("tiny", categories=3, variables=2, wide=2, narrow=2)
    with pytest.raises(Unfit, match="disarm needs Bernoulli latents; site 'z' of vae-categorical is OneHotCategorical"):
        DisARM().require(categorical, torch.zeros(1, 5), 1)
    with pytest.raises(Unfit, match="discrete latents; site 'z2' of mixture-vae is Normal"):
        ARM().require(MixtureVAE(), torch.zeros(1, 2), 1)
