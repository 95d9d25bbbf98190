"""The derivative of f in the latents, with one evaluation of the model."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from estimators.base import log_prob_detached
from estimators.draw import Trace
from tasks.base import Task


@dataclass(frozen=True)
class Sloped:
    """f at given latents, and how it changes with them.

    Attributes:
        f: log p − log q, or f(z) on an `expectation` task, detached, [K, B].
        log_p: log p_θ(x, z), or f(z), with θ's gradient, [K, B].
        slopes: ∂f/∂z by site, detached, [K, B, event].
    """

    f: Tensor
    log_p: Tensor
    slopes: dict[str, Tensor]


def with_slopes(task: Task, x: Tensor, trace: Trace) -> Sloped:
    """Return f at the trace's latents with its derivative there; f is smooth in relaxed discrete values."""

    def total(latents: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        log_p = task.model(x, latents)
        f = log_p if task.target == "expectation" else log_p - log_prob_detached(task, x, trace, latents)
        return f.sum(), (f, log_p)

    slopes, (f, log_p) = torch.func.grad(total, has_aux=True)(trace.latents)
    return Sloped(f.detach(), log_p, {name: slope.detach() for name, slope in slopes.items()})


def mean_of_others(value: Tensor) -> Tensor:
    """Return (1/(K−1)) Σ_{j≠k} value_j for every k along the first axis; K ≥ 2."""
    return (value.sum(0) - value) / (len(value) - 1)
