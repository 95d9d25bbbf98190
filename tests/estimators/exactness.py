"""The exact gradient of an estimator's own target, and tasks away from any special point."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from bench.machine.device import observations
from estimators.base import Estimator
from tasks.base import Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.toys.lecture_weights import LectureWeights
from tests.gradients import mean_differs, replicate

ROWS = 8
"""At most this many observations are the batch that an estimator is tested on."""


def lecture_weights() -> LectureWeights:
    """Return the task at a guide that overlaps with the posterior, and model parameters that are not zero."""
    task = LectureWeights(loc=1.2, scale=1.1)
    task.model.log_normaliser.data.fill_(0.7)
    task.model.loc.data.fill_(-0.2)
    return task


def linear_gaussian(dim: int = 1) -> LinearGaussian:
    """Return the task off its optimum, so that no gradient is zero."""
    torch.manual_seed(7)
    return LinearGaussian(dim=dim, n=2, perturbation=0.3)


def exact_gradient_of(estimator: Estimator, task: Task, x: Tensor, samples: int) -> Tensor:
    """Return the exact gradient of the target's mean over the batch and, last, that mean: [P + 1]."""

    def mean(values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        exact = functional_call(_Exact(task, estimator), {f"task.{n}": v for n, v in values.items()}, (x, samples))
        return exact.mean(), exact.mean()

    values = {name: parameter.detach() for name, parameter in task.named_parameters()}
    gradients, value = grad(mean, has_aux=True)(values)
    found = torch.cat([*(gradient.flatten() for gradient in gradients.values()), value[None]])
    assert bool(found.isfinite().all())
    return found


def misses(estimator: Estimator, task: Task, *, samples: int, count: int = 50_000, seed: int = 0) -> bool:
    """Return whether the mean of `count` estimates, the objective's too, is inconsistent with the exact answer."""
    x = observations(task, task.load().train[:ROWS])
    draws = replicate(task, estimator, x, samples=samples, count=count, seed=seed).matrix()
    return mean_differs(draws, exact_gradient_of(estimator, task, x, samples))


class _Exact(nn.Module):
    def __init__(self, task: Task, estimator: Estimator) -> None:
        super().__init__()
        self.task, self.estimator = task, estimator

    def forward(self, x: Tensor, samples: int) -> Tensor:
        exact = self.estimator.exact(self.task, x, samples)
        assert exact is not None
        return exact
