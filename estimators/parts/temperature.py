"""The temperature of a relaxation, and what it leaves of the gradient."""

import math

from estimators.base import Bias


def require_temperature(temperature: float) -> None:
    """Raise `ValueError` unless a temperature is positive."""
    if temperature <= 0:
        raise ValueError(f"temperature must be positive; it is {temperature}")


def bias_at(temperature: float) -> Bias:
    """Return what is claimed of a relaxed gradient: above a temperature of one it tends to zero, and keeps its sign."""
    return Bias(within=math.inf) if temperature > 1 else Bias()
