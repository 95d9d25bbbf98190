"""Inference in a mixture of 20 Gaussians on a line, of which only the weights are learned (Le et al. 2019)."""

import math
from collections.abc import Mapping
from typing import ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Draw, Latents, SimulableModel, Target, Task
from tasks.exact.enumeration import exact_bound
from tasks.latent_variables.gaussian_mixture import AssignmentGuide, posterior_distance
from tasks.parts.networks import one_hot

_COMPONENTS: Final = 20
_SPACING: Final = 10.0
_SCALE: Final = 5.0
_TRAIN: Final = 10_000
_TEST: Final = 100
_SEED: Final = 20190722


@final
class LineMixture(SimulableModel):
    """z ~ Categorical(softmax(½ θ)) over C one-hot values, x|z = c ~ N(10 c, 5²), c = 0, …, C − 1.

    θ `logits` starts at 2 (C − 1 − c), where almost all mass is on the first components: far off, as the authors' does.
    """

    def __init__(self, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.arange(2.0 * (components - 1), -1, -2))

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hot(0.5 * self.logits.expand(x.shape[0], -1)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        # Interpolates the mean between components at relaxed values.
        log_prior = (z["z"] * (0.5 * self.logits).log_softmax(-1)).sum(-1)
        return log_prior + _log_normal(x[:, 0], z["z"] @ _means(self.logits))

    def simulate(self, z: Latents) -> Tensor:
        mean = (z["z"].detach() @ _means(self.logits))[..., None]
        return mean + _SCALE * torch.randn(mean.shape, dtype=mean.dtype, device=mean.device)


@final
class GaussianMixture20(Task):
    """z ~ Categorical(softmax(½ θ)) over 20 components, x ~ N(10 z, 5²): which of them, and how much of each?

    The inference task of Le, Kosiorek, Siddharth, Teh & Wood (2019), on which REINFORCE and VIMCO get stuck and
    wake-wake does not: the weights start far from those of the data, θ*_c ∝ 5 + c, and q_φ(z|x) is a network 1–16–20 of
    tanh units on x as it is. z is latent; θ is only the weights. log p(x), ELBO and L_K are exact;
    `distance_to_truth` is how far q is from the posterior under θ*. Data: 10 000 draws (the paper draws afresh), the
    same always. The paper trains for 100 000 steps.

    Args:
        components: C; the paper's is 20.
        hidden: units of the guide's hidden layer.
    """

    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "iwae-reinforce"}
    defaults = Defaults(steps=5000, batch_size=100, model_lr=1e-3, guide_lr=1e-3, samples=5)
    checked = ({"components": 4, "hidden": 3},)

    def __init__(self, components: int = _COMPONENTS, hidden: int = 16) -> None:
        super().__init__()
        if components < 2 or hidden < 1:
            raise ValueError(f"there must be at least 2 components and 1 unit; there are {components} and {hidden}")
        self.components = components
        # PyTorch's own initial weights, as in the paper's code: without biases every unit would bend at x = 0.
        network = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, components))
        self.guide: AssignmentGuide = AssignmentGuide(network)
        self.model: LineMixture = LineMixture(components)
        self.double()

    def load(self) -> Data:
        generator = np.random.default_rng(_SEED)
        weights = 5.0 + np.arange(self.components)
        drawn = generator.choice(self.components, _TRAIN + _TEST, p=weights / weights.sum())
        rows = torch.from_numpy(_SPACING * drawn + _SCALE * generator.standard_normal(len(drawn)))[:, None]
        note = f"{_TRAIN} draws from {self.components} Gaussians, generator seed {_SEED}"
        return Data(rows[:_TRAIN], rows[_TRAIN:], f"line-{self.components}-{_TRAIN}", note)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        return exact_bound(self.guide, self.model, x, {"z": torch.eye(self.components).to(x)}, target, samples)

    def distance_to_truth(self, x: Tensor) -> Tensor:
        """Return ‖q_φ(·|x) − p_θ*(·|x)‖₂ for each datapoint, [B]; its mean over test points is the paper's measure."""
        log_weights = (5 + torch.arange(self.components).to(x)).log().log_softmax(0)
        return posterior_distance(self.guide.network(x), log_weights + _log_normal(x, _means(self.model.logits)))


def _means(logits: Tensor) -> Tensor:
    return _SPACING * torch.arange(len(logits), dtype=logits.dtype, device=logits.device)


def _log_normal(x: Tensor, mean: Tensor) -> Tensor:
    return -0.5 * ((x - mean) / _SCALE).square() - math.log(_SCALE) - 0.5 * math.log(2 * math.pi)
