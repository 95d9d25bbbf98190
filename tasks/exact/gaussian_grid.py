"""Exact bounds over up to three Gaussian numbers, by quadrature."""

import math
from collections.abc import Callable
from typing import Final, final

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from tasks.base import Draw, GenerativeModel, Guide, Target, is_elbo
from tasks.exact.quadrature import importance_bound, normal_nodes

_NODES: Final = {1: 257, 2: 129, 3: 45}
"""Nodes of each coordinate, by how many coordinates there are."""

_MOST_SAMPLES: Final = 2

_MOST_NUMBERS: Final = 10_000_000
"""Nodes times numbers in x: real images, whose posteriors are too sharp for a grid as well, would take minutes."""

_COARSE: Final = 1e-4
"""In nats: how far two interleaved grids may be apart, and, relative, the largest term at a grid's ends."""


def gaussian_bound(
    guide: Guide, model: GenerativeModel, x: Tensor, size: int, target: Target, samples: int
) -> Tensor | None:
    """Return the exact `elbo`, `evidence` or, at K ≤ 2 and one coordinate, `iwae`, [B]; None where it is out of reach.

    The trapezoidal rule in the noise that the sites are made of: the guide's; for the evidence the prior's, which
    reaches wherever the posterior does. It is the mean over two grids, each in the middle of the other's cells. Their
    leading errors are opposite, so that the mean's is far below half their difference. NaN where they are more than
    1e-4 nats apart, or end before the integrand does.

    Args:
        guide: with Gaussian sites only, a later one possibly given an earlier one.
        model: gives log p(x, z); its prior is Gaussian likewise.
        x: observations, [B, ...].
        size: coordinates of all sites together.
        target: what is computed.
        samples: K of the `iwae` target.
    """
    if is_elbo(target, samples):
        target = "elbo"
    if size not in _NODES or target not in ("elbo", "evidence", "iwae"):
        return None
    if _NODES[size] ** size * x.numel() > _MOST_NUMBERS:
        return None
    if target == "iwae":
        if size > 1 or samples > _MOST_SAMPLES:
            return None
        return importance_bound(_Grid(size, x, 0.0).log_weight(guide, model, x), samples)
    total = _log_evidence if target == "evidence" else _elbo
    first, second = (total(_Grid(size, x, shift), guide, model, x) for shift in (0.0, 0.5))
    resolved = ((first - second).abs() <= _COARSE).detach()
    # A factor rather than a replacement, so that the gradient is NaN where the value is.
    return (first + second) / 2 * torch.where(resolved, 1.0, math.nan)


def _elbo(grid: "_Grid", guide: Guide, model: GenerativeModel, x: Tensor) -> Tensor:
    """Return Σ mass log w over the nodes, [B]."""
    log_weight = grid.log_weight(guide, model, x)
    return (grid.log_mass.exp()[:, None] * log_weight).sum(0)


def _log_evidence(grid: "_Grid", guide: Guide, model: GenerativeModel, x: Tensor) -> Tensor:
    """Return log Σ mass w over the nodes of the prior, [B]; the guide plays no part."""
    terms = grid.log_mass[:, None] + grid.log_weight(model.prior, model, x)
    total = torch.logsumexp(terms, 0)
    reached = torch.logsumexp(terms[grid.ends], 0) - total <= math.log(_COARSE)
    return total * torch.where(reached.detach(), 1.0, math.nan)


@final
class _Grid:
    """A draw that gives the sites, one after the other, the values at every node; nodes are moved by `shift` cells."""

    def __init__(self, size: int, like: Tensor, shift: float) -> None:
        axis = normal_nodes(_NODES[size], like)
        spacing = axis[1] - axis[0]
        place = torch.cartesian_prod(*[torch.arange(len(axis), device=like.device)] * size).reshape(-1, size)
        self.noise = axis[place] + shift * spacing
        self.log_mass = (-0.5 * self.noise.square() - 0.5 * math.log(2 * math.pi) + spacing.log()).sum(-1)
        self.ends = ((place == 0) | (place == len(axis) - 1)).any(-1)
        self.latents: dict[str, Tensor] = {}
        self.log_q = torch.zeros(())
        self._used = 0

    def log_weight(self, draws: Callable[[Tensor, Draw], None], model: GenerativeModel, x: Tensor) -> Tensor:
        """Return log w at the nodes, [N, B]; `draws` is a guide, or a prior."""
        draws(x, self)
        return model(x, self.latents) - self.log_q

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        width = distribution.event_shape.numel()
        noise = self.noise[:, None, self._used : self._used + width]
        self._used += width
        if isinstance(distribution, MultivariateNormal):
            spread = (distribution.scale_tril @ noise[..., None])[..., 0]
        else:
            spread = distribution.stddev * noise
        value = distribution.mean + spread
        self.latents[site] = value
        self.log_q = self.log_q + distribution.log_prob(value)
        return value
