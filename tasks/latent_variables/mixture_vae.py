"""A mixed model: a categorical latent that chooses a Gaussian one."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from tasks.base import Data, Defaults, Draw, GenerativeModel, Guide, Latents, SimulableModel, Target, Task, is_elbo
from tasks.exact.quadrature import normal_nodes
from tasks.parts.networks import DiagonalNormal, dense, diagonal_normal, hidden_layers, one_hot

_TRAIN: Final = 1000
_TEST: Final = 500
_SEED: Final = 0
_NODES: Final = 257
_COARSE: Final = 1e-4
"""In nats: the largest error of the grid of twice the spacing, and, relative, the largest term at the grid's ends."""


@final
class MixtureGuide(Guide):
    """q_φ(z1|x) = Categorical(softmax(logits_φ(x))), then q_φ(z2|x, z1) = N(loc_φ(x, z1), diag scale_φ(x, z1)²).

    Sites `z1`, one-hot [C], and `z2`, [latent].
    """

    def __init__(self, size: int, components: int, latent: int, hidden: int) -> None:
        super().__init__()
        self.logits = nn.Sequential(hidden_layers([size, hidden]), dense(hidden, components))
        self.features = hidden_layers([size + components, hidden])
        self.head = DiagonalNormal(hidden, latent)

    def forward(self, x: Tensor, draw: Draw) -> None:
        z1 = draw("z1", one_hot(self.logits(x)))
        draw("z2", self.head(self.features(torch.cat([x.expand(*z1.shape[:-1], -1), z1], -1))))


class Mixture(GenerativeModel):
    """z1 ~ Categorical(softmax(π)), z2 ~ N(m_{z1}, diag S_{z1}), x ~ p_θ(x|z1, z2); π, m and S are learned."""

    def __init__(self, components: int, latent: int) -> None:
        super().__init__()
        self.prior_logits = nn.Parameter(torch.zeros(components))
        # Components that start in one place would stay alike.
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_scale = nn.Parameter(torch.zeros(components, latent))

    def prior(self, x: Tensor, draw: Draw) -> None:
        logits = self.prior_logits.expand(x.shape[0], -1)
        draw("z2", self._component(draw("z1", one_hot(logits))))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        log_prior = (z["z1"] * self.prior_logits.log_softmax(-1)).sum(-1)
        return log_prior + self._component(z["z1"]).log_prob(z["z2"]) + self.log_likelihood(x, z)

    @abstractmethod
    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        """Return log p_θ(x|z1, z2) in nats, [K, B]."""

    def _component(self, z1: Tensor) -> Distribution:
        return diagonal_normal(z1 @ self.loc, (z1 @ self.log_scale).exp())


@final
class MixtureModel(Mixture, SimulableModel):
    """The mixture with x ~ N(μ_θ(z1, z2), diag Σ_θ(z1, z2)); μ and Σ are outputs of one network."""

    def __init__(self, size: int, components: int, latent: int, hidden: int) -> None:
        super().__init__(components, latent)
        self.features = hidden_layers([components + latent, hidden])
        self.head = DiagonalNormal(hidden, size)

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        return self._observation(z).log_prob(x)

    def simulate(self, z: Latents) -> Tensor:
        normal = self._observation(z)
        return (normal.mean + normal.stddev * torch.randn_like(normal.mean)).detach()

    def _observation(self, z: Latents) -> Distribution:
        return self.head(self.features(torch.cat([z["z1"], z["z2"]], -1)))


@final
class MixtureVAE(Task):
    """The lecture's mixed model on a pinwheel of five arms in the plane: a site to enumerate, a site with a path.

    z1 ~ Categorical(C), z2 ~ N(m_{z1}, S_{z1}), x ~ N(μ_θ(z1, z2), Σ_θ(z1, z2)). The guide draws z1 first and z2 given
    it. With `latent=1`, ELBO and log p(x) are exact: z1 is enumerated and z2 integrated over by quadrature.

    Args:
        components: C.
        latent: dimension of z2.
        hidden: units of each network's hidden layer, tanh.
    """

    unit = "nats per datapoint"
    references: ClassVar[Mapping[str, str]] = {"elbo": "hybrid(discrete=enumerate)", "iwae": "iwae-reinforce"}
    defaults = Defaults(steps=2000, batch_size=100, samples=2, model_lr=1e-3, guide_lr=1e-3, replicates_cap=2000)
    checked = ({"components": 3, "latent": 1, "hidden": 3},)

    def __init__(self, components: int = 5, latent: int = 2, hidden: int = 50) -> None:
        super().__init__()
        check_mixture(components, latent, hidden)
        self.components, self.latent = components, latent
        self.guide: MixtureGuide = MixtureGuide(2, components, latent, hidden)
        self.model: MixtureModel = MixtureModel(2, components, latent, hidden)

    def load(self) -> Data:
        rows = torch.from_numpy(pinwheel(_TRAIN + _TEST, _SEED)).float()
        return Data(rows[:_TRAIN], rows[_TRAIN:], f"pinwheel-{_TRAIN}", "1000 points of a pinwheel with five arms")

    def prepare(self, raw: Tensor) -> Tensor:
        return raw.to(self.model.loc.dtype)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        known = target == "evidence" or is_elbo(target, samples)
        if not known or self.latent > 1:
            return None
        grid = _Grid(self.components, _NODES)
        self.guide(x, grid)
        log_mass, log_weight = (
            term.unflatten(0, (self.components, _NODES))
            for term in (grid.log_mass, self.model(x, grid.latents) - grid.log_q)
        )
        terms = log_mass + log_weight
        fine, coarse = (
            _total(log_mass, terms, target),
            _total(log_mass[:, ::2] + math.log(2), terms[:, ::2] + math.log(2), target),
        )
        resolved = (fine - coarse).abs() <= _COARSE
        if target == "evidence":
            # The guide may not reach to where p(x, z) has its mass; then the grid ends before the integrand does.
            ends = torch.logsumexp(terms[:, [0, -1]], (0, 1)) - fine
            resolved = resolved & (ends <= math.log(_COARSE))
        # A factor rather than a replacement, so that the gradient is NaN where the value is.
        return fine * torch.where(resolved.detach(), 1.0, math.nan)


def check_mixture(components: int, latent: int, hidden: int) -> None:
    """Raise ValueError where a mixture of these sizes would have nothing to choose from, or nothing in it."""
    if components < 2 or min(latent, hidden) < 1:
        raise ValueError(
            f"there must be at least 2 components, 1 latent and 1 unit; there are {components}, {latent}, {hidden}"
        )


def _total(log_mass: Tensor, terms: Tensor, target: Target) -> Tensor:
    """Return log Σ exp(terms) for the evidence, else Σ mass (terms − log mass), over components and nodes, [B]."""
    if target == "evidence":
        return torch.logsumexp(terms, (0, 1))
    return (log_mass.exp() * (terms - log_mass)).sum((0, 1))


class _Grid:
    """Every z1 with equidistant z2 around its mean: a trapezoidal rule, whose error falls faster than any power."""

    def __init__(self, components: int, nodes: int) -> None:
        self.components, self.nodes = components, nodes
        self.latents: dict[str, Tensor] = {}
        self.log_q = self.log_mass = torch.zeros(())

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        if site == "z1":
            states = torch.eye(self.components).to(distribution.mean)
            value = states.repeat_interleave(self.nodes, 0)[:, None].expand(-1, *distribution.batch_shape, -1)
            mass = distribution.log_prob(value)
        else:
            nodes = normal_nodes(self.nodes, distribution.mean).repeat(self.components)[:, None, None]
            value = distribution.mean + distribution.stddev * nodes
            mass = (-0.5 * nodes.square() - 0.5 * math.log(2 * math.pi)).squeeze(-1) + torch.log(
                nodes[1, 0] - nodes[0, 0]
            )
        self.latents[site] = value
        self.log_q = self.log_q + distribution.log_prob(value)
        self.log_mass = self.log_mass + mass
        return value


def pinwheel(count: int, seed: int) -> np.ndarray:
    """Return points of a pinwheel with five arms, [N, 2], each coordinate of about unit variance."""
    generator = np.random.default_rng(seed)
    arm = generator.integers(0, 5, count)
    radius, width = 1 + 0.3 * generator.standard_normal(count), 0.1 * generator.standard_normal(count)
    angle = 2 * math.pi * arm / 5 + 0.25 * np.exp(radius)
    along = radius * np.cos(angle) - width * np.sin(angle)
    return math.sqrt(2) * np.stack([along, radius * np.sin(angle) + width * np.cos(angle)], 1)
