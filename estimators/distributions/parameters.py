"""The parameters of a distribution: to read them, and to build the same distribution with others."""

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor
from torch.distributions import Distribution, Independent, transform_to
from torch.distributions.constraints import Constraint

from estimators.distributions.noise import Unsupported
from estimators.distributions.validation import without_validation

Parameters = Mapping[str, Tensor]
"""By name, each [B, event] or, of a conditional site, [K, B, event]."""

_INSTEAD: Final = {"probs": "logits", "covariance_matrix": "scale_tril", "precision_matrix": "scale_tril"}
"""Of parameters that say the same, the one that stands for the others."""


def parameters(distribution: Distribution) -> dict[str, Tensor]:
    """Return the parameters by name; one of them, such as logits, where a family has several that say the same.

    One that takes whole numbers only, a number of trials, is none: nothing has a derivative in it.
    """
    inner = unwrapped(distribution)
    return {name: getattr(inner, name) for name in _names(inner)}


def rebuild(distribution: Distribution, values: Parameters) -> Distribution:
    """Return a distribution of the same family with the parameters `values`."""
    if isinstance(distribution, Independent):
        inner = rebuild(distribution.base_dist, values)
        return Independent(inner, distribution.reinterpreted_batch_ndims, validate_args=False)
    family: Any = type(distribution)
    try:
        with without_validation():
            return family(**_fixed(distribution), **values, validate_args=False)
    except TypeError as reason:
        raise Unsupported(
            f"{family.__name__} cannot be built again from {', '.join(values)}: its constructor must take them and "
            "validate_args, or estimators.distributions.detach must know it"
        ) from reason


def unconstrained(distribution: Distribution) -> dict[str, Tensor]:
    """Return the parameters on the whole real line: the logarithm of one that must be positive."""
    constraints = _constraints(distribution)
    return {name: transform_to(constraints[name]).inv(value) for name, value in parameters(distribution).items()}


def rebuild_unconstrained(distribution: Distribution, values: Parameters) -> Distribution:
    """Return a distribution of the same family with the parameters that `unconstrained` would give as `values`."""
    constraints = _constraints(distribution)
    return rebuild(distribution, {name: transform_to(constraints[name])(value) for name, value in values.items()})


def unwrapped(distribution: Distribution) -> Distribution:
    """Return the distribution inside `Independent`."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def _fixed(distribution: Distribution) -> dict[str, Tensor]:
    """Return what the family is made of beside its parameters."""
    names = (name for name, constraint in distribution.arg_constraints.items() if constraint.is_discrete)
    return {name: getattr(distribution, name) for name in names}


def _names(distribution: Distribution) -> list[str]:
    names = [name for name, constraint in distribution.arg_constraints.items() if not constraint.is_discrete]
    if not names:
        raise Unsupported(f"{type(distribution).__name__} has no parameters to vary")
    return [name for name in names if _INSTEAD.get(name) not in names]


def _constraints(distribution: Distribution) -> dict[str, Constraint]:
    inner = unwrapped(distribution)
    return {name: inner.arg_constraints[name] for name in _names(inner)}
