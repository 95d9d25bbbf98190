from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal
from torch.func import functional_call, grad, vmap

from estimators import INDEX as ESTIMATORS
from estimators.base import Estimate, Estimator
from estimators.draw import Detached
from estimators.evidence.naive_mc import NaiveMC
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.data.images import Images
from tasks.images.vae import VAE
from tasks.parts.image_sets import Binarization, GreyImages

FITTING = [NaiveMC, Reinforce, ReinforceEMA, ReinforceLOO, Reparam, STL, IWAE, DReG]


class SixPixels(GreyImages):
    """Six grey pixels, the first always off and the last always on."""

    @property
    def pixels(self) -> int:
        return 6

    def images(self) -> Images:
        grey = torch.randint(0, 256, (300, 6), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
        grey[:, 0], grey[:, -1] = 0, 255
        return Images(grey[:200], grey[200:], "tiny-200", "")


@dataclass(eq=False, repr=False)
class TinyVAE(VAE, SixPixels):
    latent: int = 2
    hidden: int = 8
    depth: int = 1


class Estimation(nn.Module):
    """Task and estimator as one module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: VAE, estimator: Estimator) -> None:
        super().__init__()
        self.task, self.estimator = task, estimator

    def forward(self, x: Tensor, samples: int) -> Estimate:
        return self.estimator(self.task, x, samples)


@pytest.fixture
def task() -> VAE:
    torch.manual_seed(0)
    return TinyVAE().double()


def parameters(task: VAE) -> dict[str, Tensor]:
    return {f"task.{name}": value.detach() for name, value in task.named_parameters()}


def binary(*shape: int) -> Tensor:
    return torch.randint(0, 2, shape).double()


def test_log_joint_is_prior_times_likelihood(task: VAE):
    x, z = binary(5, 6), torch.randn(3, 5, 2, dtype=torch.float64)
    prior = Normal(torch.zeros(2).double(), 1.0).log_prob(z).sum(-1)
    likelihood = Bernoulli(logits=task.model.decode(z)).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model.log_likelihood(x, {"z": z}), likelihood)
    torch.testing.assert_close(task.model(x, {"z": z}), prior + likelihood)


def test_prior_is_standard_normal(task: VAE):
    draw = Detached(3)
    task.model.prior(binary(5, 6), draw)
    z = draw.trace.latents["z"]
    assert z.shape == (3, 5, 2)
    torch.testing.assert_close(draw.trace.log_prob(), Normal(torch.zeros(2).double(), 1.0).log_prob(z).sum(-1))


def test_vmapped_gradient_is_the_loops(task: VAE):
    x = binary(4, 5, 6)
    estimation = Estimation(task, Reparam())

    def surrogate(values: dict[str, Tensor], batch: Tensor) -> Tensor:
        return functional_call(estimation, values, (batch, 3)).surrogate.mean()

    torch.manual_seed(1)
    batched = vmap(grad(surrogate), in_dims=(None, 0), randomness="same")(parameters(task), x)
    for index, batch in enumerate(x):
        torch.manual_seed(1)
        task.zero_grad()
        estimation(batch, 3).surrogate.mean().backward()
        for name, parameter in task.named_parameters():
            torch.testing.assert_close(batched[f"task.{name}"][index], parameter.grad)


def test_gradient_is_the_finite_difference(task: VAE):
    x, estimation = binary(5, 6), Estimation(task, Reparam())
    values = parameters(task)

    def elbo(*tensors: Tensor) -> Tensor:
        torch.manual_seed(1)
        return functional_call(estimation, dict(zip(values, tensors, strict=True)), (x, 2)).surrogate.mean()

    assert torch.autograd.gradcheck(elbo, [value.clone().requires_grad_() for value in values.values()])


@pytest.mark.parametrize("estimator", FITTING)
def test_every_estimator_runs_under_vmap(task: VAE, estimator: type[Estimator]):
    x, estimation = binary(5, 6), Estimation(task, estimator())
    estimation.estimator.require(task, x, 4)

    def surrogate(values: dict[str, Tensor], _: Tensor) -> Tensor:
        return functional_call(estimation, values, (x, 4)).surrogate.mean()

    once = vmap(grad(surrogate), in_dims=(None, 0), randomness="different")
    for name, gradients in once(parameters(task), torch.arange(3)).items():
        assert gradients.isfinite().all()
        if estimator.trains_guide or name.startswith("task.model"):
            assert not torch.equal(gradients[0], gradients[1]), name


def test_references_are_estimators():
    assert set(VAE.references.values()) <= set(ESTIMATORS)


def test_test_set_is_binarized_once():
    loads = [TinyVAE("dynamic").load().test, TinyVAE("dynamic").load().test, TinyVAE("static").load().test]
    assert loads[0].unique().tolist() == [0, 255]
    assert all(torch.equal(loads[0], other) for other in loads[1:])
    task = TinyVAE("dynamic")
    assert torch.equal(task.prepare(loads[0]), loads[0].float() / 255)


def test_dynamic_binarization_draws_anew():
    task = TinyVAE("dynamic")
    train = task.load().train
    torch.manual_seed(0)
    draws = torch.stack([task.prepare(train) for _ in range(400)])
    assert draws.unique().tolist() == [0, 1]
    assert not torch.equal(draws[0], draws[1])
    probability = train.double() / 255
    error = (draws.double().mean(0) - probability).abs()
    # Six standard errors and one draw, for the 1200 pixels of a fixed seed; pixels at 0 and 255 are certain.
    assert (error <= 6 * (probability * (1 - probability) / 400).sqrt() + (probability % 1 > 0) / 400).all()


def test_dynamic_binarization_under_vmap():
    task = TinyVAE("dynamic")
    train = task.load().train
    draws = vmap(lambda _: task.prepare(train), randomness="different")(torch.arange(2))
    assert not torch.equal(draws[0], draws[1])


def test_static_binarization_is_drawn_once():
    task = TinyVAE("static")
    train = task.load().train
    assert train.unique().tolist() == [0, 255]
    assert torch.equal(train, TinyVAE("static").load().train)
    assert torch.equal(task.prepare(train), task.prepare(train))
    assert task.prepare(train).unique().tolist() == [0, 1]


def test_grey_keeps_grey_levels():
    task = TinyVAE("grey")
    data = task.load()
    assert torch.equal(data.test, task.images().test)
    torch.testing.assert_close(task.prepare(data.test), data.test / 255)


@pytest.mark.parametrize("binarization", ["static", "dynamic", "grey"])
def test_observations_have_the_dtype_of_the_task(binarization: Binarization):
    task = TinyVAE(binarization).double()
    data = task.load()
    assert task.prepare(data.train).dtype == torch.float64
    assert data.train.dtype == torch.uint8
    assert data.name == f"tiny-200-{binarization}"


def test_initial_output_bias_is_the_logit_of_the_clipped_means():
    task = TinyVAE("grey")
    data = task.load()
    task.initialise(data)
    means = (data.train.double() / 255).mean(0)
    assert (means[0], means[-1]) == (0, 1)
    actual = task.model.output.bias.sigmoid().double()
    torch.testing.assert_close(actual, means.clamp(0.001, 0.999), atol=1e-6, rtol=1e-5)
