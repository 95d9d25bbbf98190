"""Estimators to check: by name, class or instance, with their adaptive parts away from where they started."""

import copy
from typing import Final

from bench.check.points import Point, Subject
from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec, parse_spec
from bench.training import settling
from bench.training.settling import adapts
from estimators.base import Estimator

_STEPS: Final = 20
_STEP_SIZE: Final = 0.02


def estimator_subjects(what: "str | Spec | type[Estimator] | Estimator") -> list[Subject[Estimator]]:
    """Return the configurations to check of a name or a class; the one that is meant where parameters are given.

    Raises:
        UsageError: there is no such estimator, it does not import, or a parameter does not fit.
    """
    if isinstance(what, Estimator):
        return [estimator_subject(what)]
    if isinstance(what, type):
        return [
            Subject(str(Spec(what.__name__, dict(values))), lambda cls=what, values=values: cls(**values))
            for values in what.checked
        ]
    spec = parse_spec(what) if isinstance(what, str) else what
    if spec.parameters:
        return [estimator_subject(spec)]
    return [estimator_subject(Spec(spec.name, dict(values))) for values in ESTIMATORS.load(spec.name).checked]


def estimator_subject(what: "str | Spec | type[Estimator] | Estimator") -> Subject[Estimator]:
    """Return a name (`rebar(temperature=0.3)`, `module:Class`), a class or an instance as something to check.

    Raises:
        UsageError: there is no such estimator, or a parameter does not fit.
    """
    if isinstance(what, Estimator):
        return Subject(type(what).__name__, lambda: copy.deepcopy(what))
    if isinstance(what, type):
        return Subject(what.__name__, what)
    spec = parse_spec(what) if isinstance(what, str) else what
    ESTIMATORS.parameters(spec)
    return Subject(str(spec), lambda: ESTIMATORS.build(spec))


def settled(subject: Subject[Estimator], point: Point, samples: int, steps: int = _STEPS) -> Estimator:
    """Return an instance in float64 whose adaptive state and learned parts have seen `steps` estimates at `point`.

    A control variate that is still zero hides what is wrong with it. The task's parameters stay as they are.
    """
    estimator = subject.build()
    estimator.prepare(point.task, point.x)
    if not adapts(estimator):
        return estimator.double()
    return settling.settled(estimator.double(), point.task, point.x, samples, steps=steps, step_size=_STEP_SIZE)


def resumed(subject: Subject[Estimator], point: Point, estimator: Estimator) -> Estimator:
    """Return a new instance with the `state_dict` of another, like a run that continues from a checkpoint."""
    other = subject.build()
    other.prepare(point.task, point.x)
    other.double().load_state_dict(estimator.state_dict())
    return other
