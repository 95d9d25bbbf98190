"""The biased estimators of the importance-weighted family show the bias that theory gives them, and no other.

Each test of a mean rejects a correct estimator with probability 1e-6 at most (`tests.gradients.FALSE_ALARM`).
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, log_mean_exp
from estimators.importance_weighted.iwae_stl import IWAESTL
from estimators.importance_weighted.ovis import OVIS
from estimators.importance_weighted.rws import RWS
from estimators.importance_weighted.rws_dreg import RWSDReG
from estimators.importance_weighted.tvo import TVO
from estimators.parts import exact
from tasks.base import Task
from tasks.toys.lecture_weights import LectureWeights
from tests.estimators.exactness import exact_gradient_of, lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import mean_differs, replicate


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_ovis_is_biased_off_zero(gamma: float):
    assert misses(OVIS(gamma), lecture_weights(), samples=2)


def iwae_stl_mean(task: Task, x: Tensor, samples: int) -> Tensor:
    """Return the exact mean of IWAE-STL on `lecture-weights`: Σ E w̃_k P_k, by quadrature."""
    mean, scale = task.guide.get_parameter("loc"), task.guide.get_parameter("scale")
    fixed_mean, fixed_scale = mean.detach(), scale.detach()
    noise_free = exact.population(task, x, samples)
    assert noise_free is not None
    noise = ((noise_free.latents["z"] - mean) / scale).detach()
    z = (mean + scale * noise).squeeze(-1)
    log_q = torch.distributions.Normal(fixed_mean, fixed_scale).log_prob(z)
    over = exact.Population(noise_free.mass, task.model(x, {"z": z[..., None]}) - log_q, {}, True)
    return exact.mean_over(over, samples, log_mean_exp)


@pytest.mark.parametrize("make", [IWAESTL, lambda: OVIS(1.0)])
@pytest.mark.parametrize("samples", [2, 3])
def test_iwae_stl_and_ovis_at_gamma_one_have_the_same_biased_mean(make: Callable[[], Estimator], samples: int):
    task, x = lecture_weights(), lecture_weights().load().train
    value = iwae_stl_mean(task, x, samples).sum()
    expected = torch.cat([*(g.flatten() for g in torch.autograd.grad(value, list(task.parameters()))), value[None]])
    draws = replicate(task, make(), x, samples=samples, count=100_000).matrix()
    assert not mean_differs(draws, expected.detach())
    assert mean_differs(draws, exact_gradient_of(IWAESTL(), task, x, samples))


class FiniteWake(Estimator):
    """The mean of wake-φ at finite K: E Σ w̃_k ∇_φ log q(z_k), with its bias O(1/K)."""

    targets = ("wake",)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        return RWS().estimate(task, x, samples)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        over = exact.population(task, x, samples)
        bound = exact.without_gradient(task, "guide", lambda t: exact.mean(t, x, samples, log_mean_exp))
        assert over is not None
        draw = exact.Replayed({name: value.detach() for name, value in over.latents.items()})
        task.guide(x, draw)
        log_q, log_weight, mass = draw.trace.log_prob(), over.log_weight.detach(), over.mass.detach()
        index, repeats = (torch.as_tensor(array) for array in exact.choices(len(mass), samples))
        weighted = (log_weight[index].softmax(0) * log_q[index]).sum(0)
        wake = (mass[index].prod(0) * repeats[:, None] * weighted).sum(0)
        return exact.with_gradient_of(bound, wake)


@pytest.mark.parametrize("samples", [2, 3])
@pytest.mark.parametrize("make", [RWS, RWSDReG])
@pytest.mark.parametrize("build", [lecture_weights, linear_gaussian])
def test_wake_phase_and_its_doubly_reparameterised_twin_have_the_same_mean(
    make: Callable[[], Estimator], samples: int, build: Callable[[], Task]
):
    task = build()
    x = task.load().train
    draws = replicate(task, make(), x, samples=samples, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient_of(FiniteWake(), task, x, samples))
    assert mean_differs(draws, exact_gradient_of(make(), task, x, samples))


def test_wake_phase_on_discrete_latents():
    task, x = Bits(), Bits().load().train
    draws = replicate(task, RWS(), x, samples=3, count=50_000).matrix()
    assert not mean_differs(draws, exact_gradient_of(FiniteWake(), task, x, 3))


@pytest.mark.parametrize(
    ("estimator", "task", "name"),
    [(TVO(), lecture_weights(), "guide.scale"), (RWSDReG(), LectureWeights(loc=0.6, scale=1.2), "guide.loc")],
)
def test_self_normalised_weights_bias_as_one_over_samples(estimator: Estimator, task: Task, name: str):
    x, bias = task.load().train, {}
    truth = exact_gradient_of(estimator, task, x, 2)[["guide.loc", "guide.scale"].index(name)]
    for samples in (8, 24):
        draws = replicate(task, estimator, x, samples=samples, count=40_000, chunk=4000).gradients[name]
        bias[samples] = float(draws.mean() - truth)
        # Fifteen standard errors, so that the ratio is known to a tenth.
        assert abs(bias[samples]) > 15 * float(draws.std()) / len(draws) ** 0.5
    assert 2.3 < bias[8] / bias[24] < 3.9
