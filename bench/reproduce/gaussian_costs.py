"""Exact variances of single-sample gradients of E f(z), z ~ N(μ, σ²), by quadrature."""

from collections.abc import Callable
from typing import Final

import numpy as np

Cost = Callable[[np.ndarray, float], np.ndarray]

COSTS: Final[dict[str, tuple[Cost, Cost]]] = {
    "gaussian-quadratic": (lambda z, k: (z - k) ** 2, lambda z, k: 2 * (z - k)),
    "gaussian-exponential": (lambda z, k: np.exp(-k * z**2), lambda z, k: -2 * k * z * np.exp(-k * z**2)),
    "gaussian-cosine": (lambda z, k: np.cos(k * z), lambda z, k: -k * np.sin(k * z)),
}
"""f and f′ by task."""

# The trapezoidal rule converges faster than any power of the step for analytic integrands that vanish at both ends.
_EPSILON: Final = np.linspace(-12, 12, 2401)
_NORMAL: Final = np.exp(-0.5 * _EPSILON**2) / np.exp(-0.5 * _EPSILON**2).sum()
_MAXWELL: Final = _EPSILON**2 * _NORMAL / (_EPSILON**2 * _NORMAL).sum()
_WEIBULL: Final = np.abs(_EPSILON) * _NORMAL / (np.abs(_EPSILON) * _NORMAL).sum()
_UNIFORM, _UNIFORM_WEIGHTS = (part[:, None] for part in np.polynomial.legendre.leggauss(48))


def exact_variance(task: str, k: float, estimator: str, group: str, loc: float, scale: float) -> float:
    """Return the variance of one estimator's single-sample gradient in μ (`guide.loc`) or σ (`guide.scale`).

    `reinforce-optimal` has the baseline of least variance, E[f s²]/E[s²], and nothing of the error of estimating it.
    """
    f, slope = COSTS[task]
    z = loc + scale * _EPSILON
    if estimator == "measure-valued":
        return _measure_valued(f, k, group, loc, scale)
    if estimator == "reparam":
        return _variance(slope(z, k) * (1.0 if group == "guide.loc" else _EPSILON), _NORMAL)
    score = (_EPSILON if group == "guide.loc" else _EPSILON**2 - 1) / scale
    cost = f(z, k)
    if estimator == "reinforce-optimal":
        cost = cost - np.sum(_NORMAL * cost * score**2) / np.sum(_NORMAL * score**2)
    return _variance(cost * score, _NORMAL)


def _measure_valued(f: Cost, k: float, group: str, loc: float, scale: float) -> float:
    """Return the variance of the coupled pairs: the same Weibull on both sides for μ, M and U M for σ."""
    if group == "guide.loc":
        # W is |ε| under the symmetric Weibull density; the difference is odd in ε, and so its square is even.
        step = scale * np.abs(_EPSILON)
        return _variance((f(loc + step, k) - f(loc - step, k)) / (scale * np.sqrt(2 * np.pi)), _WEIBULL)
    step = scale * _EPSILON
    u = (_UNIFORM + 1) / 2
    difference = (f(loc + step, k) - f(loc + u * step, k)) / scale
    return _variance(difference, _MAXWELL * _UNIFORM_WEIGHTS / 2)


def _variance(values: np.ndarray, weights: np.ndarray) -> float:
    mean = float(np.sum(weights * values))
    return float(np.sum(weights * (values - mean) ** 2))
