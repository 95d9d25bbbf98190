"""The derivative of f in the latents, with one evaluation of the model."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from estimators.base import integrand, log_prob_detached
from estimators.draw import Trace
from tasks.base import Latents, Task


@dataclass(frozen=True)
class Sloped:
    """f at given latents, and how it changes with them.

    Attributes:
        f: log p − log q, or f(z) on an `expectation` task, detached, [K, B].
        model_value: log p_θ(x, z), or f(z), with θ's gradient, [K, B].
        slopes: ∂f/∂z by site, detached, [K, B, event].
    """

    f: Tensor
    model_value: Tensor
    slopes: dict[str, Tensor]


def with_slopes(task: Task, x: Tensor, trace: Trace) -> Sloped:
    """Return f at the trace's latents with its derivative there; f is smooth in relaxed discrete values."""

    def total(latents: Latents) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        model_value = task.model(x, latents)
        f = integrand(task, model_value, partial(log_prob_detached, task, x, trace, latents))
        return f.sum(), (f, model_value)

    slopes, (f, model_value) = torch.func.grad(total, has_aux=True)(trace.latents)
    return Sloped(f.detach(), model_value, {name: slope.detach() for name, slope in slopes.items()})
