"""Exact bounds over up to three Gaussian numbers, by quadrature."""

import math
from typing import Final, final

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from tasks.base import Guide, Model, Target
from tasks.quadrature import importance_bound, normal_nodes

_NODES: Final = {1: 257, 2: 129, 3: 41}
"""Nodes of each coordinate, by how many coordinates there are."""

_MOST_SAMPLES: Final = 2

_COARSE: Final = 1e-4
"""In nats: the largest error of the grid of twice the spacing, and, relative, the largest term at the grid's ends."""


def gaussian_bound(guide: Guide, model: Model, x: Tensor, size: int, target: Target, samples: int) -> Tensor | None:
    """Return the exact `elbo`, `evidence` or, at K ≤ 2 and one coordinate, `iwae`, [B]; None where it is out of reach.

    The trapezoidal rule in the noise that the guide's sites are made of. NaN where the grid is too coarse, or ends
    before the integrand does.

    Args:
        guide: with Gaussian sites only, a later one possibly given an earlier one.
        model: gives log p(x, z).
        x: observations, [B, ...].
        size: coordinates of all sites together.
        target: what is computed.
        samples: K of the `iwae` target.
    """
    if target == "iwae" and samples == 1:
        target = "elbo"
    if size not in _NODES or target not in ("elbo", "evidence", "iwae"):
        return None
    if target == "iwae" and (size > 1 or samples > _MOST_SAMPLES):
        return None
    grid = _Grid(size, x)
    guide(x, grid)
    log_weight = model(x, grid.latents) - grid.log_q
    if target == "iwae":
        return importance_bound(log_weight, samples)
    log_mass = grid.log_mass[:, None]
    fine = _total(log_mass, log_weight, target)
    inner = grid.every_second
    coarse = _total(log_mass[inner] + size * math.log(2), log_weight[inner], target)
    resolved = (fine - coarse).abs() <= _COARSE
    if target == "evidence":
        # The guide may not reach to where p(x, z) has its mass; then the grid ends before the integrand does.
        ends = torch.logsumexp((log_mass + log_weight)[grid.ends], 0) - fine
        resolved = resolved & (ends <= math.log(_COARSE))
    # A factor rather than a replacement, so that the gradient is NaN where the value is.
    return fine * torch.where(resolved.detach(), 1.0, math.nan)


def _total(log_mass: Tensor, log_weight: Tensor, target: Target) -> Tensor:
    """Return log Σ mass w for the evidence, else Σ mass log w, over the nodes, [B]."""
    if target == "evidence":
        return torch.logsumexp(log_mass + log_weight, 0)
    return (log_mass.exp() * log_weight).sum(0)


@final
class _Grid:
    """A draw that gives the sites, one after the other, the values at every node."""

    def __init__(self, size: int, like: Tensor) -> None:
        axis = normal_nodes(_NODES[size], like)
        self.noise = torch.cartesian_prod(*[axis] * size).reshape(-1, size)
        spacing = axis[1] - axis[0]
        density = -0.5 * self.noise.square() - 0.5 * math.log(2 * math.pi) + spacing.log()
        self.log_mass = density.sum(-1)
        place = torch.cartesian_prod(*[torch.arange(len(axis), device=like.device)] * size).reshape(-1, size)
        self.every_second = (place % 2 == 0).all(-1)
        self.ends = ((place == 0) | (place == len(axis) - 1)).any(-1)
        self.latents: dict[str, Tensor] = {}
        self.log_q = torch.zeros(())
        self._used = 0

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
