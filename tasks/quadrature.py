"""The K-sample bound of a one-dimensional Gaussian guide by quadrature."""

import math
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_REACH = 8.0
"""Where the standard normal density is cut off: its tail there is 1e-15."""

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
    fine, coarse = _bound(log_weight, samples), _bound(log_weight[::2], samples)
    resolved = (fine - coarse).abs().detach() <= _COARSE
    # A factor rather than a replacement, so that the gradient is NaN where the value is.
    return fine * torch.where(resolved, 1.0, math.nan)


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
