"""log sigmoid(v), in a form that every transform of PyTorch can differentiate and batch on every device."""

from typing import Final

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
