"""The parameters of a distribution: to read them, and to build the same distribution with others."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, biject_to, transform_to
from torch.distributions.constraints import lower_cholesky

from estimators.families import Unsupported

Parameters = Mapping[str, Tensor]
"""By name, each [B, event] or, of a conditional site, [K, B, event]."""


def parameters(distribution: Distribution) -> dict[str, Tensor]:
    """Return the parameters by name; logits, where a family has both them and probabilities."""
    inner = unwrapped(distribution)
    return {name: getattr(inner, name) for name in _names(inner)}


def rebuild(distribution: Distribution, values: Parameters) -> Distribution:
    """Return a distribution of the same family with the parameters `values`."""
    if isinstance(distribution, Independent):
        inner = rebuild(distribution.base_dist, values)
        return Independent(inner, distribution.reinterpreted_batch_ndims, validate_args=False)
    family: Any = type(distribution)
    return family(**values, validate_args=False)


def unconstrained(distribution: Distribution) -> dict[str, Tensor]:
    """Return the parameters on the whole real line: the logarithm of one that must be positive.

    That includes the diagonal of a triangular factor; what is above its diagonal is zero, and has no effect.
    """
    transforms = _transforms(distribution)
    return {name: transforms[name].inv(value) for name, value in parameters(distribution).items()}


def rebuild_unconstrained(distribution: Distribution, values: Parameters) -> Distribution:
    """Return a distribution of the same family with the parameters that `unconstrained` would give as `values`."""
    transforms = _transforms(distribution)
    return rebuild(distribution, {name: transforms[name](value) for name, value in values.items()})


def unwrapped(distribution: Distribution) -> Distribution:
    """Return the distribution inside `Independent`."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def _names(distribution: Distribution) -> list[str]:
    if isinstance(distribution, MultivariateNormal):
        # The two other forms of the covariance follow from the factor, and are dearer.
        return ["loc", "scale_tril"]
    names = list(distribution.arg_constraints)
    if not names:
        raise Unsupported(f"{type(distribution).__name__} has no parameters that could be varied")
    return [name for name in names if name != "probs" or "logits" not in names]


def _transforms(distribution: Distribution) -> dict[str, Any]:
    """Return what maps the real line to each parameter."""
    inner = unwrapped(distribution)
    constraints = {name: inner.arg_constraints[name] for name in _names(inner)}
    # torch knows a triangular factor's transform, which is a bijection, under this name only.
    return {n: transform_to(c) if c is lower_cholesky else biject_to(c) for n, c in constraints.items()}
