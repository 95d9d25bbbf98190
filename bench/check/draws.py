"""Replicates of a gradient estimate together with its objective, at fixed parameters."""

import math
from collections.abc import Callable
from typing import Final, Literal, final

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from bench.measure.replicates import ordered_parameters
from bench.measure.unbatched import unbatched
from bench.names.estimates import as_estimate
from estimators.base import Estimate, Estimator
from tasks.base import Task

_NUMBERS_AT_ONCE: Final = 1 << 22
_LARGEST_CHUNK: Final = 16_384


class _Estimation(nn.Module):
    """Task and estimator as one module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: Task, estimator: Estimator, samples: int) -> None:
        super().__init__()
        self.task, self.estimator, self.samples = task, estimator, samples

    def forward(self, x: Tensor) -> Estimate:
        return as_estimate(self.estimator(self.task, x, self.samples), self.samples, len(x))


@final
class Draws:
    """Draws replicates as rows [n, P + 1]: the gradient, φ before θ, and last the objective, both of the batch mean.

    Attributes:
        reason: why replicates are drawn one by one, or None where `vmap` works.
    """

    def __init__(self, task: Task, estimator: Estimator, x: Tensor, samples: int) -> None:
        self.task, self.estimator, self.x, self.samples = task, estimator, x, samples
        self._module = _Estimation(task, estimator, samples)
        self._parameters = ordered_parameters(task)
        size = sum(value.numel() for value in self._parameters.values())
        work = size + 16 * samples * x.shape[0]
        self.chunk = max(64, min(_LARGEST_CHUNK, _NUMBERS_AT_ONCE // work))
        self.reason: str | None = None
        # What is made at the first call and kept must not be made within vmap: it could not be used outside any more.
        with torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
            estimator(task, x, samples)

    def draw(self, count: int) -> Tensor:
        """Return at most `count` rows, as many as are drawn at once; one by one where `vmap` fails."""
        if self.reason is None:
            try:
                return self.batch(min(count, self.chunk))
            except (RuntimeError, ValueError, NotImplementedError) as error:
                self.reason = unbatched(error)
        return self.loop(min(count, 64))

    def about(self, count: int, first: int | None = None, over: Callable[[], bool] = lambda: False) -> Tensor:
        """Return about `count` rows; a sixteenth where they are drawn one by one, and what there is when it is over.

        Args:
            count: how many, about.
            first: how many of them are drawn before it is asked whether it is over.
            over: whether the time is.
        """
        parts = [self.draw(count if first is None else first)]
        while sum(map(len, parts)) < (count if self.reason is None else count // 16) and not over():
            parts.append(self.draw(count))
        return torch.cat(parts)

    def batch(self, count: int, randomness: Literal["different", "same"] = "different") -> Tensor:
        """Return `count` rows from one call of `vmap`."""
        values = {f"task.{name}": value.detach() for name, value in self._parameters.items()}

        def surrogate(parameters: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            estimate = functional_call(self._module, parameters, (self.x,))
            return estimate.surrogate.mean(), estimate.objective.mean()

        def once(_: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            return grad(surrogate, has_aux=True)(values)

        with torch.no_grad():
            gradients, objective = vmap(once, randomness=randomness)(torch.empty(count, device=self.x.device))
        rows = [gradients[f"task.{name}"].reshape(count, -1) for name in self._parameters]
        return torch.cat([*rows, objective[:, None]], 1).detach()

    def loop(self, count: int) -> Tensor:
        """Return `count` rows, each by plain autograd."""
        return torch.stack([self._single() for _ in range(count)])

    def _single(self) -> Tensor:
        estimate = self._module(self.x)
        values = list(self._parameters.values())
        gradients = torch.autograd.grad(estimate.surrogate.mean(), values, allow_unused=True, materialize_grads=True)
        return torch.cat([*(gradient.reshape(-1) for gradient in gradients), estimate.objective.mean().detach()[None]])


def coordinate_names(task: Task) -> list[str]:
    """Return a name for each coordinate of a row: `guide.loc[0, 1]`, last `objective`."""
    names: list[str] = []
    for name, value in ordered_parameters(task).items():
        if value.dim() == 0:
            names.append(name)
            continue
        indices = torch.cartesian_prod(*(torch.arange(size) for size in value.shape)).reshape(-1, value.dim())
        names += [f"{name}[{', '.join(map(str, index))}]" for index in indices.tolist()]
    return [*names, "objective"]


def group_sizes(task: Task) -> dict[str, int]:
    """Return the number of coordinates of φ (`guide`) and of θ (`model`), in this order."""
    sizes = {"guide": 0, "model": 0}
    for name, value in ordered_parameters(task).items():
        sizes[name.partition(".")[0]] += math.prod(value.shape)
    return sizes
