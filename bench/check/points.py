"""Where estimators are checked: a small variant of a task, at parameters away from its symmetric start."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, final

import torch
from torch import Tensor

from bench.check.draws import coordinate_names, group_sizes
from bench.errors import BenchError, headline, named
from bench.machine.device import CPU, observations
from bench.machine.streams import seeded
from bench.measure.replicates import gradient_of
from bench.names.building import build_task
from bench.names.registry import TASKS
from bench.names.spec import Spec, parse_spec
from estimators.base import Estimator
from tasks.base import Target, Task

T = TypeVar("T")

_ROWS: Final = 4
_SHIFT: Final = 0.2


@dataclass(frozen=True)
class Subject(Generic[T]):
    """Something to check: its name, and how an instance is made."""

    name: str
    build: Callable[[], T]


class TaskAtFault(Exception):
    """A task does not keep to its protocol; the message says in what."""


@dataclass(frozen=True)
class Exact:
    """The exact gradient [P] of a target, φ before θ, and the exact value, both of the batch mean."""

    gradient: Tensor
    value: float

    @property
    def row(self) -> Tensor:
        """The gradient and, last, the value, [P + 1]."""
        return torch.cat([self.gradient, self.gradient.new_tensor([self.value])])


@final
class Point:
    """A task in float64 at fixed parameters, with a batch of at most four observations.

    The start of many tasks is symmetric (a probability of one half, a zero mean), and hides mistakes; so each parameter
    is moved by N(0, 0.2²), the same in every run: `--seed` changes the draws and not the question. The task is in
    `eval` mode, so that estimates and exact answer are of one and the same guide.
    """

    def __init__(self, subject: Subject[Task], *, moved: bool = True) -> None:
        self.name = subject.name
        with seeded(CPU, "check", subject.name):
            self.task = subject.build().double().eval()
            data = self.task.load()
            self.task.initialise(data)
            self.x = observations(self.task, data.train[:_ROWS])
            start = {name: value.clone() for name, value in self.task.state_dict().items()}
            if moved:
                self._move()
        self._original = self
        self._exact: dict[tuple[Target, int], Exact] = {}
        self._known: dict[tuple[Target, int], bool] = {}
        if moved and not _is_answer(self._answer(self.task.target, 1)):
            # Some quadratures reach only so far from the start.
            self.task.load_state_dict(start)

    @torch.no_grad()
    def _move(self) -> None:
        for value in self.task.parameters():
            value += _SHIFT * torch.randn(value.shape, dtype=value.dtype)

    def copied(self) -> "Point":
        """Return a point with its own task and observations, so that changes do not affect others.

        Its exact answers are those of the original, whatever becomes of the copy.
        """
        other = copy.copy(self)
        other.task, other.x = copy.deepcopy(self.task), self.x.clone()
        return other

    @property
    def names(self) -> list[str]:
        """A name for each coordinate of the gradient and, last, for the objective."""
        return coordinate_names(self.task)

    @property
    def groups(self) -> dict[str, int]:
        """The number of coordinates of φ and of θ."""
        return group_sizes(self.task)

    @property
    def ours(self) -> bool:
        """Whether the task comes with varbench, and is tested there."""
        return type(self.task).__module__.partition(".")[0] == "tasks"

    def _answer(self, target: Target, samples: int) -> Tensor | None:
        value = self.task.exact(target, self.x, samples)
        batch = (len(self.x),)
        if value is not None and value.shape != batch:
            raise TaskAtFault(f"exact: its shape for {target} is {list(value.shape)}, not [B] = {list(batch)}")
        return value

    def has_exact(self, estimator: Estimator, samples: int) -> bool:
        """Return whether the exact gradient of an estimator's target is known; far cheaper than to work it out."""
        with torch.no_grad():
            if estimator.own_target:
                return _is_answer(estimator.exact(self.task, self.x, samples))
            key = (estimator.target(self.task), samples)
            if key not in self._known:
                self._known[key] = _is_answer(self._answer(key[0], samples))
            return self._known[key]

    def exact(self, estimator: Estimator, samples: int) -> Exact:
        """Return the exact gradient and value of an estimator's target, which must be known."""
        if estimator.own_target:
            own = self._original.copied()
            return _exact(own.task, estimator.exact(own.task, own.x, samples))
        original = self._original
        key = (estimator.target(original.task), samples)
        if key not in self._exact:
            self._exact[key] = _exact(original.task, original.task.exact(key[0], original.x, samples))
        return self._exact[key]


def _is_answer(value: Tensor | None) -> bool:
    # A quadrature that did not converge says so by NaN.
    return value is not None and bool(value.isfinite().all())


def _exact(task: Task, value: Tensor | None) -> Exact:
    assert value is not None
    return Exact(gradient_of(value.mean(), task), float(value.detach().mean()))


def task_subjects(spec: Spec | str) -> list[Subject[Task]]:
    """Return the small variants of a task; the one that is asked for where parameters are given.

    Raises:
        UsageError: there is no such task, it does not import, or a parameter does not fit.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    TASKS.parameters(spec)
    variants = [spec]
    if not spec.parameters:
        variants = [Spec(spec.name, dict(values)) for values in TASKS.load(spec.name).checked]
    return [Subject(str(variant), lambda variant=variant: build_task(variant)) for variant in variants]


def first_line(error: Exception) -> str:
    """Return what an error says on one line; its type too, unless it was written for users."""
    return headline(error) if isinstance(error, BenchError) else named(error)
