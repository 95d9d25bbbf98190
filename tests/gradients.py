"""Replicated gradient estimates, and the test that their mean is what it should be."""

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from estimators.base import Estimate, Estimator
from tasks.base import Target, Task

FALSE_ALARM = 1e-6
"""Probability that `mean_differs` rejects a correct mean, for one call."""


@dataclass(frozen=True)
class Replicates:
    """Independent estimates at fixed parameters.

    Attributes:
        gradients: by parameter of the task, each [R, *shape].
        objectives: [R], the mean over the batch.
    """

    gradients: dict[str, Tensor]
    objectives: Tensor

    def matrix(self) -> Tensor:
        """Return every gradient coordinate and, last, the objective: [R, P + 1]."""
        flat = [gradient.reshape(len(gradient), -1) for gradient in self.gradients.values()]
        return torch.cat([*flat, self.objectives[:, None]], 1)


class _Estimation(nn.Module):
    """Task and estimator as one module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: Task, estimator: Estimator) -> None:
        super().__init__()
        self.task, self.estimator = task, estimator

    def forward(self, x: Tensor, samples: int) -> Estimate:
        return self.estimator(self.task, x, samples)


def replicate(
    task: Task,
    estimator: Estimator,
    x: Tensor,
    *,
    samples: int = 1,
    count: int = 20_000,
    seed: int = 0,
    chunk: int = 20_000,
) -> Replicates:
    """Return `count` independent gradient estimates on the batch x, batched by `vmap` in chunks."""
    estimator.require(task, x, samples)
    estimation = _Estimation(task, estimator)

    def surrogate(values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        estimate = functional_call(estimation, {f"task.{name}": value for name, value in values.items()}, (x, samples))
        return estimate.surrogate.mean(), estimate.objective.mean()

    def once(_: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        return grad(surrogate, has_aux=True)(values)

    torch.manual_seed(seed)
    values = {name: parameter.detach() for name, parameter in task.named_parameters()}
    parts = [vmap(once, randomness="different")(part) for part in torch.arange(count).split(chunk)]
    gradients = {name: torch.cat([part[0][name] for part in parts]) for name in values}
    return Replicates(gradients, torch.cat([part[1] for part in parts]))


def exact_gradient(task: Task, target: Target, x: Tensor, *, samples: int = 1) -> Tensor:
    """Return the exact gradient of the target's mean over the batch and, last, that mean: [P + 1]."""

    def mean(values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        exact = functional_call(_Exact(task), {f"task.{name}": v for name, v in values.items()}, (target, x, samples))
        return exact.mean(), exact.mean()

    values = {name: parameter.detach() for name, parameter in task.named_parameters()}
    gradients, value = grad(mean, has_aux=True)(values)
    return torch.cat([*(gradient.flatten() for gradient in gradients.values()), value[None]])


class _Exact(nn.Module):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def forward(self, target: Target, x: Tensor, samples: int) -> Tensor:
        exact = self.task.exact(target, x, samples)
        assert exact is not None
        return exact


def mean_differs(draws: Tensor, mean: Tensor) -> bool:
    """Return whether the rows of `draws` [R, P] are inconsistent with the mean [P].

    A z-test of each coordinate, with Bonferroni's correction: a correct mean is rejected with probability at most
    `FALSE_ALARM`, as far as the central limit theorem holds at R. A bias of about seven standard errors in any one
    coordinate is rejected with probability 0.95. Coordinates without variance must agree to rounding.
    """
    count, coordinates = draws.shape
    threshold = float(stats.norm.isf(FALSE_ALARM / (2 * coordinates)))
    rounding = 1e-9 * (1 + mean.abs())
    return bool(((draws.mean(0) - mean).abs() > threshold * draws.std(0) / count**0.5 + rounding).any())
