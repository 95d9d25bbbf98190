"""Quadratures in one dimension: the K-sample bound of a Gaussian guide, and integrals over the unit interval."""

import math
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasks.numerics import log_sigmoid

_REACH = 8.0
"""Where the standard normal density is cut off: its tail there is 1e-15."""

_STRETCH = 6.0
"""Where nodes on the interval end: z is within 1e-275 of its ends there."""

_COARSE = 1e-4
"""The largest error, in nats, that the grid of twice the spacing may have; the full grid's is about its square."""


def normal_nodes(count: int, like: Tensor) -> Tensor:
    """Return `count` equidistant values of a standard normal variable ε, [N], with the dtype and device of `like`."""
    return torch.linspace(-_REACH, _REACH, count, dtype=like.dtype, device=like.device)


def importance_bound(log_weight: Tensor, samples: int) -> Tensor:
    """Return L_K = E log (1/K) Σ_k w(ε_k) over independent ε_k ~ N(0, 1), in nats, [B]; K = `samples`.

    The trapezoidal rule is used, and not Gauss–Hermite: log Σ_k w_k has branch points π / |d log w / dε| away from the
    real axis, and for such integrands it needs far fewer nodes (Trefethen 2022, "Exactness of quadrature formulas").
    Its error falls as exp(−2π · distance / spacing), and so is the square of the error at twice the spacing. That one
    is measured, and where it is above 1e-4 nats the answer is NaN: no value rather than a wrong one.

    Args:
        log_weight: [N, B], log w in nats at `normal_nodes(N)`, N odd so that every second node is a grid too.
        samples: K, at most 3: the number of grid points grows as N^K / K!.
    """
    return resolved(_bound(log_weight, samples), _bound(log_weight[::2], samples))


def interval_nodes(count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return nodes on the unit interval as (log z, log (1 − z)), [N, 2], and their log masses, [N].

    They are equidistant in t, where log z / (1 − z) = π sinh t: the double exponential rule (Takahasi & Mori 1974),
    which poles of the integrand at the ends of the interval do not disturb. Every second node is a grid of twice the
    mass.

    Args:
        count: N, odd.
        like: gives dtype and device.
    """
    t = torch.linspace(-_STRETCH, _STRETCH, count, dtype=like.dtype, device=like.device)
    u = math.pi * t.sinh()
    log_z = log_sigmoid(torch.stack([u, -u], -1))
    # dz = z (1 − z) du, du = π cosh t dt.
    return log_z, log_z.sum(-1) + t.cosh().log() + math.log(math.pi * 2 * _STRETCH / (count - 1))


def resolved(fine: Tensor, coarse: Tensor) -> Tensor:
    """Return `fine` where the grid of twice the spacing gives nearly the same, and NaN, gradient and all, elsewhere."""
    close = (fine - coarse).abs().detach() <= _COARSE
    # A factor rather than a replacement, so that the gradient is NaN where the value is.
    return fine * torch.where(close, 1.0, math.nan)


def _bound(log_weight: Tensor, samples: int) -> Tensor:
    index, mass = _multisets(log_weight.shape[0], samples)
    points = log_weight[torch.as_tensor(index, device=log_weight.device)]
    mean = torch.as_tensor(mass, dtype=log_weight.dtype, device=log_weight.device)
    return mean @ (torch.logsumexp(points, 1) - math.log(samples))


# NumPy arrays, since a tensor that is first made inside a torch.func transform must not outlive it.
@lru_cache(maxsize=8)
def _multisets(count: int, samples: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return every unordered choice of K nodes, [S, K], with its probability, [S]: L_K is symmetric in its samples."""
    nodes = np.linspace(-_REACH, _REACH, count)
    density = np.exp(-0.5 * nodes**2)
    index = np.array(list(combinations_with_replacement(range(count), samples)))
    repeats = np.ones(len(index))
    run = np.ones(len(index))
    for position in range(1, samples):
        run = np.where(index[:, position] == index[:, position - 1], run + 1, 1)
        repeats *= run
    mass = (density / density.sum())[index].prod(1) * math.factorial(samples) / repeats
    # The corners of the grid: together less than rounding.
    kept = mass > 1e-17
    return index[kept], mass[kept]
