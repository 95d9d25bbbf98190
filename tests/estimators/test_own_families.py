"""Families that nobody foresaw: run right, or refused by name, by what is true of the distribution."""

from collections.abc import Callable

import pytest
import torch
from torch import Size, Tensor, nn
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    TransformedDistribution,
)

from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec
from estimators import distributions
from estimators.base import Estimator, Unfit
from estimators.combined.hybrid import Hybrid
from estimators.discrete.relax import Relax
from estimators.distributions import IID, Noise
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.importance_weighted.renyi import Renyi
from estimators.importance_weighted.vimco import VIMCO
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_optimal import ReinforceOptimal
from tasks.base import Data, Draw, Guide, Latents, Model, Task

Family = Callable[[Tensor, Tensor], Distribution]


class _Guide(Guide):
    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = family
        self.first = nn.Parameter(torch.tensor(0.4, dtype=torch.float64))
        self.second = nn.Parameter(torch.tensor(1.3, dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", self.family(self.first.expand(len(x)), self.second.expand(len(x))))


class _Model(Model):
    def forward(self, x: Tensor, z: Latents) -> Tensor:
        value = z["z"].reshape(*z["z"].shape[:2], -1)
        return -((value * torch.arange(1, 1 + value.shape[-1])).sum(-1) ** 2)


class Own(Task):
    """An ELBO of one site of any family with two parameters."""

    dtype = torch.float64

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.guide: _Guide = _Guide(family)
        self.model: Model = _Model()

    def load(self) -> Data:
        return Data(torch.zeros(2, 0, dtype=self.dtype), torch.zeros(0, 0, dtype=self.dtype), "none")


class NoSlope(Normal):
    """A Gaussian whose registered draw has no derivative, though torch's has one."""


@distributions.sample.register
def _(distribution: NoSlope, shape: Size, noise: Noise = IID) -> Tensor:
    return distribution.sample(shape)


def normal(first: Tensor, second: Tensor) -> Distribution:
    return Normal(first, second, validate_args=False)


def transformed(cache_size: int) -> Family:
    def family(first: Tensor, second: Tensor) -> Distribution:
        standard = Normal(torch.zeros_like(first), torch.ones_like(first), validate_args=False)
        return TransformedDistribution(standard, [AffineTransform(first, second, cache_size=cache_size)])

    return family


def one_hot(first: Tensor, second: Tensor) -> Distribution:
    return OneHotCategoricalStraightThrough(logits=torch.stack([first, second], -1), validate_args=False)


def bits(first: Tensor, second: Tensor) -> Distribution:
    return Independent(Bernoulli(logits=torch.stack([first, second], -1), validate_args=False), 1)


def gradient(estimator: Estimator, family: Family) -> Tensor:
    task = Own(family)
    x = task.load().train
    estimator.require(task, x, 3)
    torch.manual_seed(0)
    surrogate = estimator(task, x, 3).surrogate.mean()
    return torch.stack(torch.autograd.grad(surrogate, [task.guide.first, task.guide.second]))


@pytest.mark.parametrize("cache_size", [0, 1])
@pytest.mark.parametrize("make", [Reinforce, VIMCO, Reparam, IWAE, STL, DReG])
def test_a_transformed_gaussian_has_the_gradient_of_a_gaussian(make: Callable[[], Estimator], cache_size: int):
    torch.testing.assert_close(gradient(make(), transformed(cache_size)), gradient(make(), normal))


@pytest.mark.parametrize("make", [Reparam, STL])
def test_a_straight_through_draw_is_no_reparameterization(make: Callable[[], Estimator]):
    with pytest.raises(Unfit, match="site 'z' of Own is OneHotCategoricalStraightThrough"):
        gradient(make(), one_hot)


@pytest.mark.parametrize("make", [Hybrid, Renyi])
def test_a_straight_through_site_is_any_one_hot_site(make: Callable[[], Estimator]):
    def plain(first: Tensor, second: Tensor) -> Distribution:
        return OneHotCategorical(logits=torch.stack([first, second], -1), validate_args=False)

    torch.testing.assert_close(gradient(make(), one_hot), gradient(make(), plain))


def test_a_draw_that_has_no_derivative_is_refused_whatever_the_family_says():
    with pytest.raises(Unfit, match=r"those of site 'z' of Own have none: register"):
        gradient(Reparam(), lambda first, second: NoSlope(first, second))


def test_baselines_by_parameter_need_parameters_by_name():
    with pytest.raises(Unfit, match="site 'z' of Own does not fit: TransformedDistribution has no parameters"):
        gradient(ReinforceOptimal(), transformed(0))


class _BlackBox(Model):
    """A cost that knows no derivative: f(z) = 1[z > 0], summed."""

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return (z["z"] > 0).to(x.dtype).reshape(*z["z"].shape[:2], -1).sum(-1)


_SLOPES_OF_PATHS = {
    *("sumo", "reparam", "stl", "generalized-reparam", "rsvi", "quadratic-cv", "iwae", "iwae-stl", "dreg", "gdreg"),
    *("rws-dreg", "miwae", "piwae", "ciwae", "renyi", "hybrid", "linear-cv"),
}
_SLOPES_OF_BITS = {
    *("gumbel-softmax", "st-gumbel-softmax", "straight-through", "reinmax", "gumbel-rao", "rebar", "relax", "muprop"),
    *("double-cv", "rodeo"),
}


def _refused_for_slopes(estimator: Estimator, family: Family) -> bool:
    task = Own(family)
    task.model = _BlackBox()
    try:
        estimator.require(task, task.load().train, 4)
    except Unfit as reason:
        return "the model of Own returns in z, but it has no derivative" in str(reason)
    return False


@pytest.mark.parametrize(("family", "expected"), [(normal, _SLOPES_OF_PATHS), (bits, _SLOPES_OF_BITS)])
def test_a_black_box_is_refused_by_whatever_needs_its_derivative(family: Family, expected: set[str]):
    refused = {name for name in ESTIMATORS.everything() if _refused_for_slopes(ESTIMATORS.build(Spec(name)), family)}
    assert refused == expected


def test_a_parameter_decides_whether_relax_needs_a_derivative():
    assert _refused_for_slopes(Relax(control="sum"), bits)
    assert not _refused_for_slopes(Relax(control="network"), bits)
