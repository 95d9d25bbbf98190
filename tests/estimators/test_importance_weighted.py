"""Every estimator of section "importance-weighted" against the exact gradient of its own target.

Each test of a mean rejects a correct estimator with probability 1e-6 at most (`tests.gradients.FALSE_ALARM`).
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from estimators import exact
from estimators.base import Estimator, Unfit, log_mean_exp
from estimators.ciwae import CIWAE
from estimators.dreg import DReG
from estimators.gdreg import GDReG
from estimators.iwae_reinforce import IWAEReinforce
from estimators.iwae_stl import IWAESTL
from estimators.miwae import MIWAE
from estimators.ovis import OVIS
from estimators.ovis_mc import OVISMC
from estimators.piwae import PIWAE
from estimators.renyi import Renyi
from estimators.rws import RWS
from estimators.rws_dreg import RWSDReG
from estimators.tvo import TVO
from estimators.vimco import VIMCO
from estimators.wake_sleep import WakeSleep
from tasks.base import Task
from tasks.gamma_poisson import GammaPoisson
from tasks.gamma_weights import GammaWeights
from tasks.lecture_weights import LectureWeights
from tests.estimators.exactness import exact_gradient_of, lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import exact_gradient, mean_differs, replicate

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


class FiniteWake(RWS):
    """The mean of wake-φ at finite K: E Σ w̃_k ∇_φ log q(z_k), with its bias O(1/K)."""

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


def test_dreg_with_alpha_mixes_the_two():
    task, x = lecture_weights(), lecture_weights().load().train

    def means(estimator: Estimator) -> Tensor:
        return replicate(task, estimator, x, samples=3, count=100, seed=3).matrix()

    mixed = 0.7 * means(DReG()) + 0.3 * means(RWSDReG())
    torch.testing.assert_close(means(DReG(0.3)), mixed)
    torch.testing.assert_close(means(DReG(1.0)), means(RWSDReG()))
    assert DReG().unbiased
    assert not DReG(0.3).unbiased


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


def test_tvo_objective_is_between_elbo_and_evidence_and_tightens():
    task, x = lecture_weights(), lecture_weights().load().train
    values = [exact_gradient_of(TVO(partitions), task, x, 2)[-1].item() for partitions in (1, 2, 5, 50)]
    assert values[0] == pytest.approx(exact_gradient(task, "elbo", x)[-1].item(), abs=1e-6)
    assert values == sorted(values)
    assert values[-1] < 0.7


def test_learned_tvo_schedule_tightens_the_bound_and_only_by_its_own_loss():
    torch.manual_seed(0)
    task, x = lecture_weights(), lecture_weights().load().train
    estimator = TVO(3, schedule="learned").double()
    before = exact_gradient_of(estimator, task, x, 2)[-1]
    optimizer = torch.optim.Adam(estimator.parameters(), lr=0.05)
    for _ in range(150):
        estimate = estimator(task, x, 200)
        assert estimate.auxiliary is not None
        own = torch.autograd.grad(estimate.surrogate.sum(), estimator.log_widths, allow_unused=True, retain_graph=True)
        assert own == (None,)
        optimizer.zero_grad()
        estimate.auxiliary.backward()
        optimizer.step()
    assert all(parameter.grad is None for parameter in task.parameters())
    after = exact_gradient_of(estimator, task, x, 2)[-1]
    widths, betas = estimator.widths()
    assert betas[0].item() == 0
    assert widths.sum().item() == pytest.approx(1)
    assert after > before + 0.01


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
        for mean, guess in (("geometric", others.mean(0).exp()), ("arithmetic", others.exp().mean(0))):
            expected = ((others.exp().sum(0) + guess) / 5).log()
            torch.testing.assert_close(VIMCO(mean).baseline(log_weight)[k], expected)


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
