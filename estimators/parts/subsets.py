"""Probabilities of unordered samples without replacement, over all orders in which they could have been drawn."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def estimate_weights(log_p: Tensor) -> tuple[Tensor, Tensor]:
    """Return p(s) R(S, s), [K, B], and p(s′) R^{D∖s}(S, s′), [K, K, B] with s first, of an unordered sample S.

    P^{D∖E}(S∖E), the probability of drawing S∖E once E is taken out of the domain, is a sum over orders: over paths
    from E to S in the lattice of subsets T, whose steps T → T ∪ {t} have probability p(t) / (1 − p(T)). One pass from S
    backwards gives it for every E at once (Kool, van Hoof & Welling 2020 write out the orders, or integrate).

    Args:
        log_p: of the K distinct values in S, [K, B].
    """
    # In double precision: 1 − p(T) is a small difference where one value holds nearly all the mass.
    log_p = log_p.double()
    count = len(log_p)
    to_all = log_p.new_zeros(1, log_p.shape[1])
    by_size = {count: to_all}
    p = log_p.exp()
    rest = (1 - p.sum(0)).clamp(min=0)
    for level in _levels(count):
        outside = torch.as_tensor(level.outside, device=log_p.device)
        step = torch.as_tensor(level.step, device=log_p.device)
        left = (rest + p[outside].sum(1)).clamp(min=torch.finfo(p.dtype).tiny).log()
        to_all = torch.logsumexp(log_p[outside] - left[:, None] + to_all[step], 1)
        by_size[level.size] = to_all
    single = by_size[1]
    weight = (log_p + single - by_size[0]).exp()
    pairs = torch.as_tensor(_pairs(count), device=log_p.device)
    apart = (log_p[None] + by_size[2][pairs] - single[:, None]).exp()
    same = torch.eye(count, dtype=torch.bool, device=log_p.device)[..., None]
    return weight, torch.where(same, p[None], apart)


@dataclass(frozen=True)
class _Level:
    """The subsets of one size.

    Attributes:
        size: of each.
        outside: [n, K − size], the elements that each lacks.
        step: [n, K − size], where the subset with that element lies in the next level.
    """

    size: int
    outside: NDArray[np.int64]
    step: NDArray[np.int64]


# NumPy arrays, since a tensor that is first made inside a torch.func transform must not outlive it.
@lru_cache(maxsize=16)
def _levels(count: int) -> tuple[_Level, ...]:
    """Return the subsets of K elements, the largest proper ones first."""
    levels: list[_Level] = []
    for size in range(count - 1, -1, -1):
        masks, above = _masks(count, size), {mask: i for i, mask in enumerate(_masks(count, size + 1))}
        outside = [[t for t in range(count) if not mask >> t & 1] for mask in masks]
        step = [[above[mask | 1 << t] for t in row] for mask, row in zip(masks, outside, strict=True)]
        levels.append(_Level(size, np.array(outside), np.array(step)))
    return tuple(levels)


@lru_cache(maxsize=16)
def _pairs(count: int) -> NDArray[np.int64]:
    """Return where {s, s′} lies among the subsets of size two, [K, K]; nought on the diagonal."""
    where = {mask: i for i, mask in enumerate(_masks(count, 2))}
    return np.array([[where.get(1 << s | 1 << t, 0) for t in range(count)] for s in range(count)])


def _masks(count: int, size: int) -> list[int]:
    return [mask for mask in range(1 << count) if mask.bit_count() == size]
