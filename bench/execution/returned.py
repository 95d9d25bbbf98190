"""Does an estimator of somebody else's return what it must? Asked of one estimate, before anything runs."""

from typing import Any, Final

import torch
from torch import Tensor

from bench.errors import UsageError
from bench.execution.fit import Ground
from bench.machine.device import CPU, observations
from bench.machine.streams import seeded
from bench.names.building import build_estimator
from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec
from tasks.base import GlobalModel

_EXAMPLE: Final = "return varbench.Estimate(objective, surrogate)"


def require_estimate(ground: Ground, spec: Spec, samples: int) -> None:
    """Refuse an estimator whose `estimate` does not return an `Estimate` of tensors [B].

    Ours are held to it by tests. An error that is raised is no answer: the cell that meets it records it.

    Raises:
        UsageError: one sentence with the estimator, what it returned, and what it must return.
    """
    if ESTIMATORS.is_ours(ESTIMATORS.resolve(spec.name)):
        return
    count = ground.batch_size if isinstance(ground.task.model, GlobalModel) else 2 if samples != 2 else 3
    with seeded(CPU, "returned", str(spec)), torch.enable_grad():
        x = observations(ground.task, ground.data.train[:count])
        estimator = build_estimator(spec, ground.task, x)
        try:
            found = estimator(ground.task, x, samples)
        except Exception:
            return
    if wrong := _wrong(found, samples, len(x)):
        raise UsageError(f"`estimate` of estimator '{spec}' returned {wrong}")


def _wrong(found: Any, samples: int, batch: int) -> str | None:
    """Return what is wrong with what `estimate` returned for K samples of B observations, or None."""
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
    if not found.surrogate.requires_grad:
        return (
            "a surrogate without a gradient; compute it from what the guide and the model return, in PyTorch, without "
            "no_grad, detach, item or NumPy"
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
