"""Exact answers to programs with few discrete latents and at most two Gaussian numbers."""

import math
from collections.abc import Mapping
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from tasks.base import Guide, Model, Target, is_elbo
from tasks.exact.enumeration import STATES, exact_bound, vectors

_LIMIT: Final = 1 << 16
"""At most this many joint states are summed over where a quadrature is among them."""

_REACH: Final = 8.0
"""Where the standard normal density is cut off: its tail there is 1e-15."""

_NODES: Final = {1: 201, 2: 65}
"""Quadrature nodes by how many Gaussian numbers there are: odd, so that every second one is a grid too."""

_COARSE: Final = 1e-4
"""The largest error, in nats, that the grid of twice the spacing may have; the full grid's is about its square."""


@final
class Answers:
    """The joint states of the guide's sites, and sums over them.

    Args:
        sites: the guide's distributions by site, in their order, as they are drawn.
    """

    def __init__(self, sites: Mapping[str, Distribution]) -> None:
        self._supports = {name: support(distribution) for name, distribution in sites.items()}
        normal = [name for name, values in self._supports.items() if values is None]
        plain = all(_is_one_normal(sites[name]) for name in normal) and len(normal) <= len(_NODES)
        self._nodes = _NODES[len(normal)] if normal and plain else 0
        self._sizes = {name: self._nodes if v is None else len(v) for name, v in self._supports.items()}
        self.count = math.prod(self._sizes.values())
        """Joint states; none can be summed over where it is zero."""
        if not plain or self.count > (_LIMIT if normal else STATES):
            self.count = 0

    def value(self, guide: Guide, model: Model, target: Target, x: Tensor, samples: int) -> Tensor | None:
        """Return the exact value of a target, [B], differentiable in φ and θ; None where it is out of reach."""
        if not self.count:
            return None
        if not self._nodes:
            states = {name: values[index] for (name, values), index in zip(self._items(x), self._index(x), strict=True)}
            return exact_bound(guide, model, x, states, target, samples)
        return self._quadrature(guide, model, x) if is_elbo(target, samples) else None

    def _items(self, x: Tensor) -> list[tuple[str, Tensor]]:
        return [
            (name, values.to(x.device, x.dtype if values.is_floating_point() else None))
            for name, values in self._supports.items()
            if values is not None
        ]

    def _index(self, x: Tensor) -> list[Tensor]:
        """Return for each site which of its values a joint state has, [S]."""
        found, repeat = [], self.count
        for size in self._sizes.values():
            repeat //= size
            found.append(torch.arange(self.count, device=x.device) // repeat % size)
        return found

    def _quadrature(self, guide: Guide, model: Model, x: Tensor) -> Tensor:
        """Return the ELBO, [B], by the trapezoidal rule over Gaussian noise; NaN where that is too coarse."""
        nodes = torch.linspace(-_REACH, _REACH, self._nodes, dtype=x.dtype, device=x.device)
        index = dict(zip(self._supports, self._index(x), strict=True))
        supports, latents, log_q, log_mass = dict(self._items(x)), {}, [], []
        even = torch.ones(self.count, dtype=torch.bool, device=x.device)

        def draw(name: str, distribution: Distribution) -> Tensor:
            nonlocal even
            shape = (self.count, len(x), *distribution.event_shape)
            at = index[name].reshape(-1, *(1,) * (len(shape) - 1))
            if name in supports:
                value = supports[name][index[name]][:, None].expand(shape)
                log_mass.append(distribution.log_prob(value))
            else:
                inner: Any = distribution
                while isinstance(inner, Independent):
                    inner = inner.base_dist
                value = (inner.loc + inner.scale * nodes[at]).expand(shape)
                log_mass.append((-0.5 * nodes**2).log_softmax(0)[index[name]][:, None].expand(shape[:2]))
                even = even & (index[name] % 2 == 0)
            log_q.append(distribution.log_prob(value))
            latents[name] = value
            return value

        guide(x, draw)
        f = model(x, latents) - torch.stack(log_q).sum(0)
        mass = torch.stack(log_mass).sum(0).exp()
        fine, half = (mass * f).sum(0), mass * even[:, None]
        coarse = (half * f).sum(0) / half.sum(0)
        # A factor rather than a replacement, so that the gradient is NaN where the value is.
        return fine * torch.where((fine - coarse).abs().detach() <= _COARSE, 1.0, math.nan)


def support(distribution: Distribution) -> Tensor | None:
    """Return every value of one event of a discrete family, [S, event]; None where it has no finite number of them."""
    if isinstance(distribution, Independent):
        single = support(distribution.base_dist)
        if single is None:
            return None
        base = distribution.base_dist
        dims = base.batch_shape[len(distribution.batch_shape) :]
        if len(single) ** dims.numel() > _LIMIT:
            return torch.empty(len(single) ** min(dims.numel(), 64), 0)
        return single[vectors(len(single), dims.numel())].reshape(-1, *dims, *single.shape[1:])
    if not distribution.has_enumerate_support:
        return None
    try:
        values = distribution.enumerate_support(expand=False)
    except NotImplementedError:
        # As many trials differ from one binomial to the next.
        return None
    return values.reshape(len(values), *distribution.event_shape)


def _is_one_normal(distribution: Distribution) -> bool:
    inner: Any = distribution
    while isinstance(inner, Independent):
        inner = inner.base_dist
    return isinstance(inner, Normal) and math.prod(distribution.event_shape) == 1
