"""The deep models whose guides are Gamma and Dirichlet."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Dirichlet, Distribution, Gamma
from torch.func import functional_call, grad, vmap

from estimators.base import Estimate, Estimator
from estimators.draw import Detached, probe
from estimators.evidence.naive_mc import NaiveMC
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks import INDEX
from tasks.images.vae_dirichlet import DirichletVAE, VAEDirichlet
from tasks.images.vae_gamma import GammaVAE, VAEGamma
from tasks.parts.image_vae import ImageVAE
from tests.gradients import mean_differs, replicate
from tests.tasks.images.test_vae import SixPixels

FITTING = [NaiveMC, Reinforce, ReinforceLOO, Reparam, STL, IWAE, DReG]


@dataclass(eq=False, repr=False)
class TinyGamma(GammaVAE, SixPixels):
    latent: int = 3
    hidden: int = 8
    depth: int = 1
    concentration: float = 0.7

    prior = Gamma(torch.full((3,), 0.7).double(), torch.full((3,), 0.7).double())


@dataclass(eq=False, repr=False)
class TinyDirichlet(DirichletVAE, SixPixels):
    latent: int = 3
    hidden: int = 8
    depth: int = 1
    concentration: float = 0.7

    prior = Dirichlet(torch.full((3,), 0.7).double())


class Estimation(nn.Module):
    """Task and estimator as one module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: ImageVAE, estimator: Estimator) -> None:
        super().__init__()
        self.task, self.estimator = task, estimator

    def forward(self, x: Tensor, samples: int) -> Estimate:
        return self.estimator(self.task, x, samples)


TASKS = pytest.mark.parametrize("make", [TinyGamma, TinyDirichlet])


def build(make: Callable[[], ImageVAE]) -> tuple[ImageVAE, Tensor]:
    torch.manual_seed(0)
    return make().double(), torch.randint(0, 2, (5, 6)).double()


def prior_of(task: ImageVAE) -> Distribution:
    assert isinstance(task, TinyGamma | TinyDirichlet)
    return task.prior


def log_density(prior: Distribution, z: Tensor) -> Tensor:
    value = prior.log_prob(z)
    return value if prior.event_shape else value.sum(-1)


@TASKS
def test_log_joint_is_prior_times_likelihood(make: Callable[[], ImageVAE]):
    task, x = build(make)
    z = prior_of(task).sample(torch.Size((4, 5)))
    logits = task.model.decode(z)  # pyright: ignore[reportCallIssue] - a Model is declared, a decoder is meant
    likelihood = Bernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model(x, {"z": z}), log_density(prior_of(task), z) + likelihood)


@TASKS
def test_prior(make: Callable[[], ImageVAE]):
    task, x = build(make)
    draw = Detached(4)
    task.model.prior(x, draw)
    z = draw.trace.latents["z"]
    assert z.shape == (4, 5, 3)
    torch.testing.assert_close(draw.trace.log_prob(), log_density(prior_of(task), z))


@TASKS
@pytest.mark.parametrize("estimator", FITTING)
def test_every_estimator_runs_under_vmap(make: Callable[[], ImageVAE], estimator: type[Estimator]):
    task, x = build(make)
    estimation = Estimation(task, estimator())
    estimation.estimator.require(task, x, 4)

    def surrogate(values: dict[str, Tensor], _: Tensor) -> Tensor:
        return functional_call(estimation, values, (x, 4)).surrogate.mean()

    values = {f"task.{name}": value.detach() for name, value in task.named_parameters()}
    once = vmap(grad(surrogate), in_dims=(None, 0), randomness="different")
    for name, gradients in once(values, torch.arange(3)).items():
        assert gradients.isfinite().all()
        if estimator.trains_guide or name.startswith("task.model"):
            assert not torch.equal(gradients[0], gradients[1]), name


@TASKS
def test_implicit_and_score_gradients_have_one_mean(make: Callable[[], ImageVAE]):
    task, x = build(make)
    score = replicate(task, ReinforceLOO(), x, samples=8, count=4_000, seed=1).matrix()
    path = replicate(task, Reparam(), x, samples=8, count=4_000, seed=2).matrix()
    # Their difference has a mean of zero, and the variance of both.
    assert not mean_differs(path - score, torch.zeros(path.shape[1], dtype=path.dtype))
    assert mean_differs(path - 0.8 * score, torch.zeros(path.shape[1], dtype=path.dtype))


@TASKS
def test_concentrations_stay_away_from_zero(make: Callable[[], ImageVAE]):
    task, x = build(make)
    for parameter in task.guide.parameters():
        parameter.data.mul_(100)
    trace = probe(task.guide, x)
    assert trace.log_prob().isfinite().all()
    assert trace.latents["z"].isfinite().all()


@pytest.mark.parametrize(("name", "make"), [("vae-gamma", VAEGamma), ("vae-dirichlet", VAEDirichlet)])
def test_training_improves_the_elbo(name: str, make: type[VAEGamma] | type[VAEDirichlet]):
    assert INDEX[name][0] == f"{make.__module__}:{make.__name__}"
    torch.manual_seed(0)
    task, estimator = make(data="5k", latent=8, hidden=40, depth=1), Reparam()
    data = task.load()
    task.initialise(data)
    x = task.prepare(data.test)
    with torch.no_grad():
        before = estimator(task, x, 1).objective.mean()
    optimizer = torch.optim.Adam(task.parameters(), 3e-3)
    for rows in torch.randint(len(data.train), (200, 100)):
        optimizer.zero_grad()
        (-estimator(task, task.prepare(data.train[rows]), 1).surrogate.mean()).backward()
        optimizer.step()
    with torch.no_grad():
        after = estimator(task, x, 1).objective.mean()
    # The standard error of either mean over 1000 digits is about 1.5 nats.
    assert after > before + 10


def test_refusals():
    with pytest.raises(ValueError, match="concentration must be positive; it is 0"):
        VAEGamma(data="5k", concentration=0)
    with pytest.raises(ValueError, match="concentration must be positive; it is -1"):
        VAEDirichlet(data="5k", concentration=-1)
    with pytest.raises(ValueError, match="at least 2 coordinates; latent is 1"):
        VAEDirichlet(data="5k", latent=1)
    with pytest.raises(ValueError, match="latent must be at least 1; it is 0"):
        VAEGamma(data="5k", latent=0)
    with pytest.raises(ValueError, match="binarization=grey is impossible"):
        VAEGamma(data="static", binarization="grey")
