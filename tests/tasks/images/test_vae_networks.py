"""Gaussian VAEs beyond the default: convolutions, two stochastic layers, full covariance, β."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence
from torch.func import functional_call, grad, vmap

from estimators.base import Estimate, Estimator, Unfit
from estimators.draw import Detached, Replayed, probe
from estimators.evidence.naive_mc import NaiveMC
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.gdreg import GDReG
from estimators.importance_weighted.wake_sleep import WakeSleep
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.data.images import Images
from tasks.images.vae import VAE, VAEMnist
from tasks.parts.convolutions import ConvolutionalFeatures, ConvolutionalOutput
from tasks.parts.gaussian_vae import TwoLayerDecoder
from tasks.parts.image_sets import Binarization, ImageSet
from tests.gradients import mean_differs, replicate

PIXELS, WIDTH = 8 * 4, 4

VARIANTS: dict[str, dict[str, Any]] = {
    "conv": {"architecture": "conv"},
    "full": {"covariance": "full"},
    "two layers": {"layers": 2},
    "two layers, full": {"layers": 2, "covariance": "full"},
    "beta": {"beta": 4.0},
    "all": {"architecture": "conv", "layers": 2, "covariance": "full", "beta": 0.5},
}
FITTING = [NaiveMC, ReinforceLOO, Reparam, STL, DReG, GDReG]


class Pictures(ImageSet):
    """Images of 8×4 pixels."""

    @property
    def pixels(self) -> int:
        return PIXELS

    @property
    def row(self) -> int:
        return WIDTH

    @property
    def effective_binarization(self) -> Binarization:
        return "static"

    def images(self) -> Images:
        grey = torch.randint(0, 256, (60, PIXELS), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
        return Images(grey[:40], grey[40:], "tiny-40", "", width=WIDTH)


@dataclass(eq=False, repr=False)
class Tiny(VAE, Pictures):
    latent: int = 2
    hidden: int = 6


class Estimation(nn.Module):
    """Task and estimator as one module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: VAE, estimator: Estimator) -> None:
        super().__init__()
        self.task, self.estimator = task, estimator

    def forward(self, x: Tensor, samples: int) -> Estimate:
        return self.estimator(self.task, x, samples)


def tiny(**changes: Any) -> tuple[VAE, Tensor]:
    torch.manual_seed(0)
    task = Tiny(**changes).double()
    data = task.load()
    task.initialise(data)
    with torch.no_grad():
        for parameter in task.parameters():
            # A zero below the diagonal of a factor would hide mistakes.
            parameter += 0.1 * torch.randn_like(parameter)
    return task, task.prepare(data.train[:5])


@pytest.mark.parametrize("estimator", FITTING)
@pytest.mark.parametrize("name", VARIANTS)
def test_every_estimator_runs_under_vmap(name: str, estimator: type[Estimator]):
    task, x = tiny(**VARIANTS[name])
    estimation = Estimation(task, estimator())
    estimation.estimator.require(task, x, 3)
    values = {key: value.detach() for key, value in estimation.named_parameters()}

    def surrogate(values: dict[str, Tensor], _: Tensor) -> Tensor:
        return functional_call(estimation, values, (x, 3)).surrogate.mean()

    for key, gradients in vmap(grad(surrogate), (None, 0), randomness="different")(values, torch.arange(2)).items():
        assert gradients.isfinite().all()
        if estimator.trains_guide or key.startswith("task.model"):
            assert not torch.equal(gradients[0], gradients[1]), key


@pytest.mark.parametrize("name", VARIANTS)
def test_vmapped_gradient_is_the_loops(name: str):
    task, x = tiny(**VARIANTS[name])
    estimation = Estimation(task, Reparam())
    values = {key: value.detach() for key, value in estimation.named_parameters()}

    def surrogate(values: dict[str, Tensor], batch: Tensor) -> Tensor:
        return functional_call(estimation, values, (batch, 2)).surrogate.mean()

    batches = torch.stack([x, 1 - x])
    torch.manual_seed(1)
    together = vmap(grad(surrogate), in_dims=(None, 0), randomness="same")(values, batches)
    for place, batch in enumerate(batches):
        torch.manual_seed(1)
        for key, gradient in grad(surrogate)(values, batch).items():
            torch.testing.assert_close(together[key][place], gradient)


def test_seeds_are_batched_over_stacked_convolutions():
    """`vmap` over parameters turns a convolution into a grouped one."""
    estimations = []
    for seed in range(2):
        torch.manual_seed(seed)
        estimations.append(Estimation(Tiny(architecture="conv").double(), Reparam()))
    _, x = tiny(architecture="conv")
    values, _ = torch.func.stack_module_state(estimations)

    def objective(values: dict[str, Tensor]) -> Tensor:
        return functional_call(estimations[0], values, (x, 2)).objective

    torch.manual_seed(1)
    together = vmap(objective, randomness="same")(values)
    for place, estimation in enumerate(estimations):
        torch.manual_seed(1)
        torch.testing.assert_close(together[place], estimation(x, 2).objective)


def test_convolutions_see_rows_and_columns():
    """Moving an image by the stride moves its maps by one."""
    torch.manual_seed(0)
    features = ConvolutionalFeatures(PIXELS, WIDTH, 6, 1).double()
    x = torch.zeros(1, 8, 4, dtype=torch.float64)
    x[0, 4, 2] = 1
    moved = x.roll((2, -2), (1, 2))
    maps, after = (features.convolutions(image[:, None]) for image in (x, moved))
    torch.testing.assert_close(maps.roll((1, -1), (2, 3)), after)
    assert features(x.flatten(1)).shape == (1, 6)
    output = ConvolutionalOutput(PIXELS, WIDTH, 6, 2).double()
    assert output(torch.randn(3, 5, 6, dtype=torch.float64)).shape == (3, 5, PIXELS)
    assert output.bias.shape == (PIXELS,)


@pytest.mark.parametrize("layers", [1, 2])
def test_log_joint_is_prior_times_likelihood(layers: int):
    task, x = tiny(layers=layers)
    draw = Detached(3)
    task.model.prior(x, draw)
    z = draw.trace.latents
    likelihood = torch.distributions.Bernoulli(logits=task.model.logits(z)).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model(x, z), draw.trace.log_prob() + likelihood)


def test_two_layers_are_burdas():
    torch.manual_seed(0)
    task = VAEMnist(data="5k", layers=2)
    shapes = {name: tuple(value.shape) for name, value in task.named_parameters() if value.dim() == 2}
    assert shapes == {
        "guide.first.0.weight": (200, 784),
        "guide.first.2.weight": (200, 200),
        "guide.first_head.loc_and_log_scale.weight": (200, 200),
        "guide.second.0.weight": (100, 100),
        "guide.second.2.weight": (100, 100),
        "guide.second_head.loc_and_log_scale.weight": (100, 100),
        "model.above.0.weight": (100, 50),
        "model.above.2.weight": (100, 100),
        "model.above_head.loc_and_log_scale.weight": (200, 100),
        "model.features.0.weight": (200, 100),
        "model.features.2.weight": (200, 200),
        "model.output.weight": (784, 200),
    }
    assert isinstance(task.model, TwoLayerDecoder)
    sites = probe(task.guide, torch.zeros(1, 784)).sites
    assert {name: tuple(site.value.shape) for name, site in sites.items()} == {"z1": (1, 1, 100), "z2": (1, 1, 50)}
    assert [site.conditional for site in sites.values()] == [False, True]


def test_full_covariance_is_full_and_starts_diagonal():
    torch.manual_seed(0)
    start = probe(Tiny(covariance="full").guide, torch.zeros(1, PIXELS)).sites["z"].distribution
    assert isinstance(start, MultivariateNormal)
    assert torch.equal(start.scale_tril[0], start.scale_tril[0].diagonal().diag())
    task, x = tiny(covariance="full")
    normal = probe(task.guide, x).sites["z"].distribution
    assert isinstance(normal, MultivariateNormal)
    factor = normal.scale_tril
    assert (factor[:, 1, 0] != 0).all()
    assert (factor[:, 0, 1] == 0).all()
    assert (factor.diagonal(dim1=-2, dim2=-1) > 0).all()


def test_draws_have_the_covariance_of_the_factor():
    task, x = tiny(covariance="full")
    draw = Detached(200_000)
    task.guide(x[:1], draw)
    site = draw.trace.sites["z"]
    assert isinstance(site.distribution, MultivariateNormal)
    deviations = site.value[:, 0] - site.distribution.mean[0]
    products = deviations[:, :, None] * deviations[:, None, :]
    assert not mean_differs(products.flatten(1), site.distribution.covariance_matrix[0].flatten())


def test_tempered_bound_is_the_objective_over_beta():
    """β · E[log w of the tempered joint] = E log p(x|z) − β KL, the divergence in closed form."""
    beta = 3.0
    task, x = tiny(beta=beta)
    draws = replicate(task, Reparam(), x, samples=1, count=20_000).matrix()[:, -1:]
    latent = Detached(20_000)
    task.guide(x, latent)
    q = latent.trace.sites["z"].distribution
    standard = Independent(Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean)), 1)
    likelihood = task.model.log_likelihood(x, latent.trace.latents).mean(1)
    objective = likelihood - beta * kl_divergence(q, standard).mean()
    difference = beta * draws - objective.detach()[:, None]
    assert not mean_differs(difference, torch.zeros(1, dtype=torch.float64))


def test_evaluated_is_the_same_model_without_beta():
    task, x = tiny(beta=3.0)
    plain = task.evaluated()
    assert (task.beta, plain.beta) == (3.0, 1.0)
    z = {"z": torch.randn(4, 5, 2, dtype=torch.float64)}
    log_prior = task.model.log_prior(z["z"])
    torch.testing.assert_close(plain.model(x, z) - log_prior, 3 * (task.model(x, z) - log_prior))
    ordinary, _ = tiny()
    assert ordinary.evaluated() is ordinary


def test_nothing_can_be_dreamt_of_a_tempered_likelihood():
    task, x = tiny(beta=2.0)
    with pytest.raises(Unfit, match="tempered"):
        WakeSleep().require(task, x, 1)
    task, x = tiny(layers=2)
    WakeSleep().require(task, x, 1)


EXACT: list[dict[str, Any]] = [
    {"latent": 1},
    {"latent": 2},
    {"latent": 2, "covariance": "full", "beta": 2.0},
    {"latent": 1, "layers": 2},
]


@pytest.mark.parametrize("changes", EXACT)
def test_exact_bounds(changes: dict[str, Any]):
    torch.manual_seed(3)
    task = VAEMnist(data="tiny", hidden=3, depth=1, **changes).double()
    data = task.load()
    task.initialise(data)
    with torch.no_grad():
        for parameter in task.parameters():
            # Smoother networks, which a grid over three numbers resolves.
            parameter *= 0.5
    x = task.prepare(data.train[:4])
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    assert (elbo < evidence).all()
    draw = Detached(200_000)
    with torch.no_grad():
        task.guide(x, draw)
        log_weight = task.model(x, draw.trace.latents) - draw.trace.log_prob()
    assert not mean_differs(log_weight, elbo.detach())
    # The gap is KL(q ‖ posterior), E_q[log q − log p(x, z) + log p(x)]; weights average to the evidence from the prior.
    prior = Detached(200_000)
    with torch.no_grad():
        task.model.prior(x, prior)
        weight = (task.model(x, prior.trace.latents) - prior.trace.log_prob()).exp()
    assert not mean_differs(weight, evidence.detach().exp())
    assert task.exact("sleep", x, 1) is None
    bound = task.exact("iwae", x, 2)
    if bound is not None:
        assert ((elbo < bound) & (bound < evidence)).all()


def test_no_exact_answer_where_there_are_too_many_latents():
    task, x = tiny(layers=2)
    assert task.exact("elbo", x, 1) is None


def test_replayed_density_is_the_drawn_one():
    task, x = tiny(layers=2, covariance="full")
    draw = Detached(3)
    task.guide(x, draw)
    again = Replayed(draw.trace.latents)
    task.guide(x, again)
    torch.testing.assert_close(draw.trace.log_prob(), again.trace.log_prob())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architecture": "resnet"}, "architecture must be mlp or conv; it is 'resnet'"),
        ({"layers": 3}, "layers must be 1 or 2; it is 3"),
        ({"covariance": "low-rank"}, "covariance must be diagonal or full; it is 'low-rank'"),
        ({"beta": 0.0}, r"beta must be positive; it is 0\.0"),
        ({"architecture": "conv", "depth": 3}, "depth of 1 or 2; depth is 3"),
        ({"architecture": "conv", "data": "tiny"}, "cannot be halved 2 times; choose architecture=mlp"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        VAEMnist(**{"data": "5k", **arguments})
