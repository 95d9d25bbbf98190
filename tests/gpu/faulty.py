"""An estimator that does what a GPU waits for, and what it refuses."""

from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task


@final
class Faulty(Estimator):
    """Asks for a value, which stops a step and which a trace refuses; beside others it adds a tensor of the CPU."""

    targets = ("expectation",)
    formula = "none"
    paper = "none"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        found = Reinforce().estimate(task, x, samples)
        if torch._C._functorch.peek_interpreter_stack() is None:  # pyright: ignore[reportAttributeAccessIssue]
            assert float(found.objective.detach().sum()) == 1
        else:
            return replace(found, surrogate=found.surrogate + torch.ones(len(x)))
        return found

    def evaluations(self, samples: int) -> int:
        return samples
