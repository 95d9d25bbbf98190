"""What a GPU waits for, and what it refuses: that it is found shows that nothing else would be overlooked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, final

import pytest
import torch
from torch import Tensor

from bench.training import stack
from bench.training.stack import Stack
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


def _step(patch: pytest.MonkeyPatch) -> None:
    """Let a step of many seeds read a number, copy one from the CPU, and draw one of nobody's."""
    update: Callable[..., None] = Stack._update

    def faulty(self: Stack, kind: Any) -> None:
        assert float(self._beta[0]) == 1
        self._beta.copy_(torch.rand(len(self._beta), device=self.device).cpu())
        update(self, kind)

    patch.setattr(Stack, "_update", faulty)


def _step_size(patch: pytest.MonkeyPatch) -> None:
    """Let step sizes be of the parameters' precision."""
    made = stack.make_optimizer

    def faulty(groups: Any, sizes: dict[str, Tensor], settings: Any) -> Any:
        return made(groups, {name: size.double() for name, size in sizes.items()}, settings)

    patch.setattr(stack, "make_optimizer", faulty)


FAULTS: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {"step": _step, "step size": _step_size}
"""What breaks cells, by name."""
