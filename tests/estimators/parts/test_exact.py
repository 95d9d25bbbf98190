"""Exact values of targets of an estimator's own: their gradients are derivatives of their values."""

import pytest
import torch
from torch import Tensor

from bench.check.points import Point, task_subjects
from bench.measure.replicates import gradient_of, ordered_parameters
from estimators.parts.exact import posterior_log_q

_STEP = 1e-5


def point(task: str) -> Point:
    (subject,) = task_subjects(task)
    return Point(subject)


@pytest.mark.parametrize("task", ["linear-gaussian(dim=1, n=8, perturbation=0.3)", "sbn-tiny(layers=2, latent=2)"])
def test_the_guide_of_a_wake_phase_is_moved_under_a_posterior_that_stays(task: str) -> None:
    where = point(task)

    def value() -> Tensor:
        found = posterior_log_q(where.task, where.x)
        assert found is not None
        return found.mean()

    gradient = gradient_of(value(), where.task)[: where.groups["guide"]]
    slopes: list[float] = []
    for name, parameter in ordered_parameters(where.task).items():
        # The posterior does not depend on φ, so that central differences are the derivative, to about step².
        for place in range(parameter.numel() if name.startswith("guide.") else 0):
            sides: list[float] = []
            for step in (_STEP, -_STEP):
                with torch.no_grad():
                    parameter.view(-1)[place] += step
                sides.append(float(value().detach()))
                with torch.no_grad():
                    parameter.view(-1)[place] -= step
            slopes.append((sides[0] - sides[1]) / (2 * _STEP))
    assert gradient.abs().max() > 0.1
    torch.testing.assert_close(gradient, torch.tensor(slopes, dtype=gradient.dtype), rtol=1e-6, atol=1e-7)
