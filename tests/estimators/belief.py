"""Sigmoid belief networks away from any special point, for tests of estimators for discrete latents."""

import torch
from torch import Tensor

from estimators.base import Estimator
from tasks.latent_variables.sbn_tiny import SBNTiny
from tests.estimators.exactness import exact_gradient_of
from tests.gradients import mean_differs, replicate


def sbn(layers: int = 1, latent: int = 2) -> tuple[SBNTiny, Tensor]:
    """Return a nonlinear network with all parameters moved, and two observations."""
    torch.manual_seed(11)
    task = SBNTiny("nonlinear" if layers == 1 else "linear", layers, latent)
    data = task.load()
    task.initialise(data)
    with torch.no_grad():
        for value in task.parameters():
            value += 0.4 * torch.randn(value.shape, dtype=value.dtype)
    return task, task.prepare(data.train[:2])


def misses_on_sbn(estimator: Estimator, *, samples: int, layers: int = 1, count: int = 30_000) -> bool:
    """Return whether the mean of `count` estimates, the objective's too, is inconsistent with enumeration."""
    task, x = sbn(layers)
    estimator = estimator.double()
    draws = replicate(task, estimator, x, samples=samples, count=count, chunk=10_000).matrix()
    return mean_differs(draws, exact_gradient_of(estimator, task, x, samples))
