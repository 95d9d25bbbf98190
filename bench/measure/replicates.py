"""Replicates of one gradient estimate at fixed parameters, batched by `vmap` or, where that fails, one by one."""

import sys
from abc import ABC, abstractmethod
from functools import partial
from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from bench.machine.device import in_memory
from bench.machine.lost import is_of_machine
from bench.machine.transforms import differentiated
from bench.measure.layers import Layers, worth_trying
from bench.measure.rows import Rows, Whole
from bench.measure.unbatched import unbatched
from estimators.base import Estimator
from tasks.base import Task

LOOP = 1
"""A chunk of one replicate is computed by plain autograd, without `vmap`."""


class _Surrogate(nn.Module):
    """The mean surrogate of a batch as a function of a task's parameters."""

    def __init__(self, task: Task, estimator: Estimator, samples: int) -> None:
        super().__init__()
        self.task, self.estimator, self.samples = task, estimator, samples

    def forward(self, x: Tensor) -> Tensor:
        return self.estimator.estimate(self.task, x, self.samples).surrogate.mean()


class Draws(ABC):
    """Draws replicates of a gradient as rows of a [n, P] matrix.

    Attributes:
        slices: where each parameter group lies in a row; `all` is the whole.
        size: P.
        reason: why replicates are drawn one by one, or None where `vmap` works.
        largest: replicates at once that memory was found to hold; a larger draw is made in parts.
    """

    def __init__(self, slices: dict[str, slice]) -> None:
        self.slices = slices
        self.size = slices["all"].stop
        self.reason: str | None = None
        self.largest = sys.maxsize

    @abstractmethod
    def _draw_rows(self, x: Tensor, count: int) -> Tensor:
        """Return gradients by `vmap`, [count, P]."""

    @abstractmethod
    def _draw_loop(self, x: Tensor, count: int) -> Tensor:
        """Return gradients by plain autograd, one after the other, [count, P]."""

    def draw(self, x: Tensor, count: int) -> Tensor:
        """Return `count` gradients on the batch x, [count, P]; a count of one, or a failed `vmap`, is a loop."""
        if count == LOOP or self.reason is not None:
            return self._draw_loop(x, count)
        parts, left = [], count
        while left:
            size = min(left, self.largest)
            part = in_memory(partial(self._draw_batch, x, size), size > LOOP)
            if part is None:
                self.largest = size // 2
            else:
                parts.append(part)
                left -= size
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def rows(self, x: Tensor, count: int) -> Rows:
        """Return `count` gradients on the batch x, to be read a few columns at a time."""
        return Whole(self.draw(x, count))

    def _draw_batch(self, x: Tensor, count: int) -> Tensor:
        return self._draw_loop(x, LOOP) if count == LOOP else self._draw_rows(x, count)

    def check_batching(self, x: Tensor) -> str | None:
        """Try `vmap` once; on failure keep to the loop and return the reason."""
        try:
            self.draw(x, 2)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            if is_of_machine(error):
                raise
            self.reason = unbatched(error)
        return self.reason


@final
class Replicator(Draws):
    """Replicates of an estimate of a task's gradient: first φ, then θ; groups are also the task's `detail`.

    Attributes:
        parameters: of the task, in the order of a gradient's coordinates.
        layers: what draws gradients by linear layers, where that is wanted.
    """

    def __init__(self, task: Task, estimator: Estimator, samples: int) -> None:
        super().__init__(parameter_slices(task))
        self._module = _Surrogate(task, estimator, samples)
        self.parameters = ordered_parameters(task)
        # Of the module, and not of this object: no circle holds on to the task.
        gradient = differentiated(partial(_value, self._module))
        self._batched = vmap(gradient, in_dims=(None, None, 0), randomness="different")
        self._dtype = next(iter(self.parameters.values())).dtype
        self.layers: Layers | None = None

    def layers_on(self, x: Tensor) -> Layers | None:
        """Return what draws the same gradients by linear layers on batches like x, where it does and that may pay."""
        named = {f"task.{name}": value for name, value in self.parameters.items()}
        if self.reason is not None or not worth_trying(self._module, named):
            return None
        layers = Layers(self._module, named, x)
        return layers if layers.agree(self.draw, x) else None

    def rows(self, x: Tensor, count: int) -> Rows:
        if self.layers is None or count == LOOP or count > self.largest:
            return super().rows(x, count)
        rows = in_memory(partial(self.layers.draw, x, count), divisible=True)
        if rows is not None:
            return rows
        self.largest = count // 2
        return super().rows(x, count)

    def _draw_rows(self, x: Tensor, count: int) -> Tensor:
        with torch.no_grad():
            parameters = {f"task.{name}": value.detach() for name, value in self.parameters.items()}
            gradients = self._batched(parameters, x, torch.empty(count, device=x.device))
        return torch.cat([gradients[f"task.{name}"].reshape(count, -1) for name in self.parameters], 1)

    def _draw_loop(self, x: Tensor, count: int) -> Tensor:
        rows = torch.empty(count, self.size, dtype=self._dtype, device=x.device)
        values = list(self.parameters.values())
        for row in rows:
            gradients = torch.autograd.grad(self._module(x), values, allow_unused=True, materialize_grads=True)
            torch.cat([gradient.reshape(-1) for gradient in gradients], out=row)
        return rows


def _value(module: nn.Module, parameters: dict[str, Tensor], x: Tensor, _replicate: Tensor) -> Tensor:
    return functional_call(module, parameters, (x,))


def ordered_parameters(task: Task) -> dict[str, nn.Parameter]:
    """Return a task's trained parameters by name, φ before θ: the order of a gradient's coordinates."""
    named = [(name, value) for name, value in task.named_parameters() if value.requires_grad]
    unknown = [name for name, _ in named if not name.startswith(("guide.", "model."))]
    if unknown:
        raise ValueError(f"parameters belong to the guide or the model; {type(task).__name__} also has {unknown[0]}")
    return dict(sorted(named, key=lambda item: item[0].startswith("model.")))


def parameter_slices(task: Task) -> dict[str, slice]:
    """Return the place of each non-empty parameter group among a gradient's coordinates."""
    slices: dict[str, slice] = {}
    ends = {"guide": 0, "model": 0}
    start = 0
    for name, value in ordered_parameters(task).items():
        end = start + value.numel()
        if name in task.detail:
            slices[name] = slice(start, end)
        ends[name.partition(".")[0]] += value.numel()
        start = end
    if start == 0:
        raise ValueError(f"{type(task).__name__} has no trained parameters")
    groups = {"all": slice(0, start), "guide": slice(0, ends["guide"]), "model": slice(ends["guide"], start)}
    return {name: where for name, where in groups.items() if where.stop > where.start} | slices


def gradient_of(value: Tensor, task: Task) -> Tensor:
    """Return the gradient of a scalar in all of a task's parameters as one row, [P]."""
    parameters = list(ordered_parameters(task).values())
    if not value.requires_grad:
        return torch.cat([torch.zeros_like(parameter).reshape(-1) for parameter in parameters])
    gradients = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([gradient.reshape(-1) for gradient in gradients])
