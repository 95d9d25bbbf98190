"""The parameters of a distribution: to read them, and to build the same distribution with others."""

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor
from torch.distributions import Distribution, Independent, LowerCholeskyTransform, biject_to, constraints
from torch.distributions.constraints import Constraint

from estimators.families import Unsupported

_PREFERRED: Final = {"probs": "logits", "covariance_matrix": "scale_tril", "precision_matrix": "scale_tril"}
"""Parameters that are other forms of one that a family has as well."""

Parameters = Mapping[str, Tensor]
"""By name, each [B, event] or, of a conditional site, [K, B, event]."""


def parameters(distribution: Distribution) -> dict[str, Tensor]:
    """Return the parameters by name; of alternatives (logits and probabilities, say) the one that densities use."""
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
    """Return the parameters on the whole real line: the logarithm of one that must be positive, or of a diagonal."""
    ranges = _constraints(distribution)
    return {name: _bijection(ranges[name]).inv(value) for name, value in parameters(distribution).items()}


def rebuild_unconstrained(distribution: Distribution, values: Parameters) -> Distribution:
    """Return a distribution of the same family with the parameters that `unconstrained` would give as `values`."""
    ranges = _constraints(distribution)
    return rebuild(distribution, {name: _bijection(ranges[name])(value) for name, value in values.items()})


def unwrapped(distribution: Distribution) -> Distribution:
    """Return the distribution inside `Independent`."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def _names(distribution: Distribution) -> list[str]:
    names = list(distribution.arg_constraints)
    if not names:
        raise Unsupported(f"{type(distribution).__name__} has no parameters that could be varied")
    return [name for name in names if _PREFERRED.get(name) not in names]


def _bijection(constraint: Constraint) -> Any:
    # It has no entry for triangles, whose logarithms of the diagonal are one.
    return LowerCholeskyTransform() if constraint is constraints.lower_cholesky else biject_to(constraint)


def _constraints(distribution: Distribution) -> dict[str, Constraint]:
    inner = unwrapped(distribution)
    return {name: inner.arg_constraints[name] for name in _names(inner)}
