"""Functions that PyTorch has, in a form that also works where its CUDA kernels fail, or that takes less time."""

from collections.abc import Sequence
from math import prod
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import softplus

_LINEAR: Final = 40.0
"""From here on softplus(v) is v: in float64 the difference is below half a digit of v."""

_BYTES: Final = 8
"""Of a word."""

_LOWEST_BITS: Final = 0x0101010101010101
_HIGHEST_BITS: Final = -0x7F7F7F7F7F7F7F80
"""Words in which one bit of each byte is set."""


def log_sigmoid(v: Tensor) -> Tensor:
    """Return log σ(v) = −log(1 + exp(−v)), of the shape of v, in nats.

    It takes the place of PyTorch's `logsigmoid`, whose CUDA kernel keeps an empty buffer for its derivative: within two
    `vmap`s that buffer cannot be batched, and the derivative raises.

    >>> import torch
    >>> log_sigmoid(torch.tensor([-50.0, 0.0, 5.0]))
    tensor([-5.0000e+01, -6.9315e-01, -6.7153e-03])
    """
    return -softplus(-v, threshold=_LINEAR)


def poisson(rate: Tensor) -> Tensor:
    """Draw Poisson(λ) of the shape of λ, without gradient; NaN where λ is no rate.

    PyTorch's CUDA kernel asserts that λ is a rate. Where a training diverges it is none, and no later operation of the
    process could use the GPU.

    >>> import torch
    >>> poisson(torch.tensor([0.0, torch.nan]))
    tensor([0., nan])
    """
    rate = rate.detach()
    is_rate = rate >= 0
    return torch.where(is_rate, torch.poisson(torch.where(is_rate, rate, 0.0)), torch.nan)


def bytes_below_255(shape: Sequence[int], device: torch.device) -> Tensor:
    """Draw integers that are uniform on 0..254, uint8.

    `torch.randint` takes a number of its generator for each, and twice the time. Here a word of 64 random bits makes
    eight, and is dropped if one of them is 255. So many more words are drawn than needed that fewer than one time in
    10²⁰ they do not suffice; what is missing is zero then.

    >>> import torch
    >>> bytes_below_255([2, 3], torch.device("cpu")).shape
    torch.Size([2, 3])
    """
    size = prod(shape)
    needed = -(-size // _BYTES)
    drawn = needed + needed // 16 + 48
    words = torch.randint(-(2**63), 2**63 - 1, (drawn,), device=device)
    # A byte of 255 is a zero of the complement, below which the subtraction borrows (Warren, Hacker's Delight).
    dropped = ((~words - _LOWEST_BITS) & words & _HIGHEST_BITS) != 0
    place = torch.where(dropped, drawn, (~dropped).cumsum(0) - 1)
    kept = words.new_zeros(drawn + 1).scatter(0, place, words)[:needed]
    return kept.view(torch.uint8)[:size].view(shape)
