"""Powers of two to measure small and large numbers in, so that their squares neither vanish nor overflow.

Dividing by a power of two is exact: numbers that are neither very small nor very large stay what they were.
"""

import math
from typing import Final

import torch
from torch import Tensor

_EXPONENTS: Final = 1000
"""Of the smallest and the largest unit: the reciprocals of both are finite."""


def unit_of(*sizes: float) -> float:
    """Return the power of two just below the largest of some sizes, the smallest unit where that is zero."""
    most = max(sizes)
    if not math.isfinite(most):
        return 1.0
    exponent = math.frexp(most)[1] - 1 if most > 0 else -_EXPONENTS
    return math.ldexp(1.0, max(-_EXPONENTS, min(exponent, _EXPONENTS)))


def units_of(sizes: Tensor) -> Tensor:
    """Return for each size the power of two just below it, kept to what its dtype holds the reciprocal of."""
    numbers = torch.finfo(sizes.dtype)
    _, exponents = sizes.clamp(numbers.tiny, 1 / numbers.tiny).frexp()
    return torch.ldexp(torch.ones_like(sizes), exponents - 1)


def norm(values: Tensor) -> float:
    """Return the norm of values of any size."""
    unit = unit_of(largest(values))
    return unit * float((values.double() / unit).norm())


def largest(values: Tensor) -> float:
    """Return the largest absolute value; zero of none."""
    return float(values.abs().max()) if values.numel() else 0.0
