"""The gradient with which that of a loss is compared, as a user gives it."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from bench.errors import UsageError
from bench.losses.draws import LossDraws
from bench.losses.parameters import Tensors
from bench.measure.outcomes import draws_at_random
from bench.measure.reference import Reference
from bench.measure.replicates import LOOP


def reference_of(given: Any, tensors: Tensors) -> Reference:
    """Return a reference gradient.

    Args:
        given: a function that returns the exact loss; or its gradient: a tensor as all parameters in one, or one for
            each of them, in their order or by name.
        tensors: that it is the gradient in.

    Raises:
        UsageError: it is none of these, does not fit the parameters, or is not finite; or the exact loss draws.
    """
    if callable(given):
        draws = LossDraws(given, tensors.named, tensors.slices, tensors.dtype)
        if draws_at_random(draws, draws.nowhere):
            raise UsageError(
                "the reference's loss draws random numbers, so it is not exact: give an exact one, or what "
                "varbench.moments returns for an unbiased one, with another seed"
            )
        row = draws.draw(draws.nowhere, LOOP)[0]
    else:
        row = torch.cat([part.detach().reshape(-1).to(tensors.dtype) for part in _parts(given, tensors)])
    if not bool(row.isfinite().all()):
        raise UsageError("the reference gradient is not finite")
    return Reference(row.to(tensors.device)[None], None, "given")


def _parts(given: Any, tensors: Tensors) -> list[Tensor]:
    """Return the gradient in each tensor."""
    named = tensors.named
    if isinstance(given, Mapping):
        if set(given) != set(named):
            lacking = ", ".join(sorted(set(named) ^ set(map(str, given))))
            raise UsageError(
                f"the reference must have a gradient for each parameter, by its name; it differs in {lacking}"
            )
        parts = [given[name] for name in named]
    elif isinstance(given, Tensor) and given.numel() == tensors.slices["all"].stop:
        return [given]
    elif isinstance(given, Iterable):
        parts = list(given)
    else:
        raise UsageError(
            "a reference must be a function that returns the exact loss, its gradient as tensors, or what "
            "varbench.moments "
            f"returns, not {type(given).__name__}"
        )
    shapes = [list(part.shape) if isinstance(part, Tensor) else type(part).__name__ for part in parts]
    wanted = [list(value.shape) for value in named.values()]
    if shapes != wanted:
        raise UsageError(f"the reference must have the shapes of the parameters, {wanted}, but has {shapes}")
    return parts
