"""What an estimator must return, and what is said of one that returns something else."""

from typing import Any, Final

from torch import Tensor

from estimators.base import Estimate

_EXAMPLE: Final = "return varbench.Estimate(objective, surrogate)"


def as_estimate(found: Any, samples: int, batch: int) -> Estimate:
    """Return what `estimate` returned for K samples of B observations, if it is valid.

    Raises:
        TypeError: with what is wrong, and what is right.
    """
    if wrong := wrong_estimate(found, samples, batch):
        raise TypeError(f"`estimate` returned {wrong}")
    return found


def wrong_estimate(found: Any, samples: int, batch: int) -> str | None:
    """Return what is wrong with what `estimate` returned for K samples of B observations, and what is right; or None.

    An estimator of somebody else's may return anything.
    """
    missing = [name for name in ("objective", "surrogate", "auxiliary") if not hasattr(found, name)]
    if missing:
        return f"{_kind(found)}; it must `{_EXAMPLE}`, two tensors [B] = [{batch}]"
    for name in ("objective", "surrogate"):
        value = getattr(found, name)
        if not isinstance(value, Tensor):
            return f"{_kind(value)} as its {name}; it must `{_EXAMPLE}`, two tensors [B] = [{batch}]"
        if value.shape != (batch,):
            averaged = _EXAMPLE.replace(name, f"{name}.mean(0)")
            return (
                f"the {name} {list(value.shape)} for K = {samples} samples of B = {batch} observations; it must be "
                f"[B] = [{batch}], the samples averaged and the batch not: `{averaged}`, where {name} is [K, B]"
            )
    return _wrong_auxiliary(found.auxiliary)


def _wrong_auxiliary(value: Any) -> str | None:
    must = "it must be None, or a scalar tensor, the loss of the estimator's own parameters"
    if value is None:
        return None
    if not isinstance(value, Tensor):
        return f"{_kind(value)} as its auxiliary; {must}"
    return None if value.dim() == 0 else f"the auxiliary {list(value.shape)}; {must}"


def _kind(value: Any) -> str:
    """Return what something is, in words."""
    if isinstance(value, Tensor):
        return f"one tensor {list(value.shape)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
