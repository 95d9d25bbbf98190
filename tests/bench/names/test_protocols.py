"""A plug-in that is no estimator or task, or not a whole one, is told what it lacks."""

import pytest
import torch
from torch import Tensor, nn

from bench.errors import UsageError
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from estimators.base import Estimate, Estimator
from tasks.base import Data, Task, empty_data


class Nothing:
    """Neither."""


class NoEstimate(Estimator):
    """Lacks its method."""

    targets = ("elbo",)


class NoTargets(Estimator):
    """Lacks its declaration."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        raise NotImplementedError


class Word(NoTargets):
    """Declares a word where a tuple should be: a comma was forgotten."""

    targets = "elbo"  # pyright: ignore[reportAssignmentType]


class Forgets(NoTargets):
    """Sets a module without `super().__init__()`."""

    targets = ("elbo",)

    def __init__(self) -> None:
        self.part = nn.Linear(1, 1)


class NoLoad(Task):
    """Lacks its method."""


class NoGuide(Task):
    """Lacks what its constructor should set."""

    def load(self) -> Data:
        return empty_data("none", torch.float64)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Nothing", "is not a subclass of Estimator: derive it from estimators.base.Estimator"),
        ("NoLoad", "is not a subclass of Estimator"),
        ("NoEstimate", "does not define estimate, which Estimator leaves to its subclasses"),
        ("NoTargets", "does not declare targets: write targets = "),
        ("Word", "does not declare targets"),
        ("Forgets", "cannot be built: AttributeError: cannot assign module"),
    ],
)
def test_an_estimator_is_told_what_it_lacks(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^estimator '{__name__}:{name}' {reason}"):
        ESTIMATORS.build(Spec(f"{__name__}:{name}"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Nothing", "is not a subclass of Task: derive it from tasks.base.Task"),
        ("Forgets", "is not a subclass of Task"),
        ("NoLoad", "does not define load, which Task leaves to its subclasses"),
        ("NoGuide", "has no guide and no model: its constructor must set self.guide"),
    ],
)
def test_a_task_is_told_what_it_lacks(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^task '{__name__}:{name}' {reason}"):
        TASKS.build(Spec(f"{__name__}:{name}"))
