"""Functions that PyTorch has, in a form that also works where its CUDA kernels fail."""

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import softplus

_LINEAR: Final = 40.0
"""From here on softplus(v) is v: in float64 the difference is below half a digit of v."""


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
