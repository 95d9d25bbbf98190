"""Bounds over discrete latents, by enumeration of their joint states."""

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution

from tasks.base import Guide, Latents, Model, Target

STATES: Final = 4096
"""At most this many joint states are enumerated."""

_CHOICES: Final = 100_000
"""At most this many unordered choices of K states are enumerated."""


def vectors(values: int, length: int) -> Tensor:
    """Return every vector of whole numbers below `values`, [values^length, length]."""
    index = torch.arange(values**length)[:, None]
    return index // values ** torch.arange(length) % values


def joint_states(supports: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return every combination of the sites' values: each site's [S_site, event] to [S, event]."""
    index = torch.cartesian_prod(*(torch.arange(len(support)) for support in supports.values())).reshape(
        -1, len(supports)
    )
    return {name: support[index[:, site]] for site, (name, support) in enumerate(supports.items())}


def exact_bound(guide: Guide, model: Model, x: Tensor, states: Latents, target: Target, samples: int) -> Tensor | None:
    """Return the exact `elbo`, `iwae` or `evidence`, [B], differentiable in φ and θ; None where it is out of reach.

    Args:
        guide: with discrete sites only.
        model: gives log p(x, z).
        x: observations, [B, ...].
        states: every joint state of the latents, each site as [S, event].
        target: what is computed.
        samples: K of the `iwae` target.
    """
    latents = {name: value[:, None].expand(-1, len(x), *value.shape[1:]) for name, value in states.items()}
    draw = _Given(latents)
    guide(x, draw)
    log_q = draw.log_prob
    log_joint = model(x, latents)
    if target == "evidence":
        return torch.logsumexp(log_joint, 0)
    if target == "elbo":
        return (log_q.exp() * (log_joint - log_q)).sum(0)
    if target != "iwae" or math.comb(len(log_q) + samples - 1, samples) > _CHOICES:
        return None
    index, multiplicity = (torch.as_tensor(array, device=x.device) for array in choices(len(log_q), samples))
    mass = log_q[index].sum(0).exp() * multiplicity[:, None]
    return (mass * (torch.logsumexp((log_joint - log_q)[index], 0) - math.log(samples))).sum(0)


# NumPy arrays, since a tensor that is first made inside a torch.func transform must not outlive it.
@lru_cache(maxsize=16)
def choices(count: int, samples: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return every unordered choice of K out of N, [K, S], and how many ordered ones it stands for, [S]."""
    index = np.array(list(combinations_with_replacement(range(count), samples)))
    repeats, run = np.ones(len(index)), np.ones(len(index))
    for position in range(1, samples):
        run = np.where(index[:, position] == index[:, position - 1], run + 1, 1)
        repeats *= run
    return index.T.copy(), math.factorial(samples) / repeats


class _Given:
    """A draw of given values, which adds up their log q."""

    def __init__(self, latents: Latents) -> None:
        self.latents = latents
        self.terms: list[Tensor] = []

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        self.terms.append(distribution.log_prob(self.latents[site]))
        return self.latents[site]

    @property
    def log_prob(self) -> Tensor:
        """Return Σ_sites log q, [S, B]."""
        return torch.stack(self.terms).sum(0)
