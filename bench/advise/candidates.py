"""Who is asked to compete: the estimators that fit a task, each with the samples that match the others' evaluations."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch

from bench.advise.matched import matched
from bench.errors import UsageError
from bench.execution.fit import Ground
from bench.execution.grounds import Grounds
from bench.execution.plan import plan_all
from bench.execution.request import Request
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.measure.cost import count_evaluations
from bench.names.building import build_estimator, load_data
from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec
from bench.settings import Cell
from estimators.base import Estimator
from tasks.base import Data, Task

EVALUATIONS: Final = 4
"""Evaluations per datapoint and gradient unless the task has more samples: enough for pairs and for baselines of K."""

_COUNTED: Final = 8
"""Estimates over which evaluations are averaged where they depend on chance."""

_KNOWN: Final = ("reparam", "reinforce", "reinforce-loo")
"""What others are compared with: the first of these that competes."""

Role = Literal["ranked", "biased", "other"]
"""Competes; has the target of the task and a declared bias; has another target or aim."""


@dataclass(frozen=True)
class Candidate:
    """An estimator with its number of samples.

    Attributes:
        cell: its cell, as `bench run` would have it with the task's defaults.
        name: without parameters that are defaults.
        evaluations: of log p(x, z) or f per datapoint for one gradient, counted.
        role: whether it competes.
        aim: what it estimates the gradient of.
    """

    cell: Cell
    name: str
    evaluations: float
    role: Role
    aim: str


@dataclass(frozen=True)
class Field:
    """All that fit a task.

    Attributes:
        candidates: in the order of `bench list`.
        data: of the task.
        chosen: how many estimators were asked about.
        wanted: evaluations that each gradient was to have.
        refused: what was named and does not fit, with the reason.
    """

    candidates: list[Candidate]
    data: Data
    chosen: int
    wanted: int
    refused: list[tuple[str, str]]

    def of(self, *roles: Role) -> list[Candidate]:
        """Return those with some roles."""
        return [one for one in self.candidates if one.role in roles]


def field_of(task: Spec, named: Sequence[Spec], chosen: frozenset[str], wanted: int | None, seed: int) -> Field:
    """Return the estimators that fit a task, each with its K.

    Args:
        task: that is asked about.
        named: the estimators.
        chosen: those of them that patterns have chosen.
        wanted: evaluations of each gradient; None for the task's samples, or `EVALUATIONS` where those are fewer.
        seed: of the cells.

    Raises:
        UsageError: nothing fits, or nothing that fits has the target of the task and is declared unbiased.
        DataUnavailable: the task's data are not there.
    """
    grounds = Grounds(load_data)
    asked = Request((task,), tuple(named), seeds=(seed,), chosen=chosen, compared=max(2, len(named)))
    ground = grounds.of(asked, task)
    wanted = wanted or max(EVALUATIONS, ground.task.defaults.samples)
    found: dict[str, tuple[int, float]] = {}
    for spec in named:
        estimator, _ = grounds.estimator(spec, str(spec) in chosen)
        if estimator is not None and (fit := _matched(grounds, asked, ground, spec, estimator, wanted)):
            found[str(spec)] = fit
    # What fits with no K is asked about once more, for the reason.
    requests = [
        replace(asked, estimators=(spec,), samples=(found[str(spec)][0],) if str(spec) in found else None)
        for spec in named
    ]
    plan = plan_all(requests, grounds=grounds)
    counts = {(str(spec), found[str(spec)][0]): found[str(spec)][1] for spec in named if str(spec) in found}
    candidates = [*_candidates(plan.cells, named, counts, ground.task)]
    field = Field(candidates, ground.data, len(named), wanted, plan.refused)
    if not field.of("ranked"):
        aims = ", ".join(f"{one.name} ({one.aim})" for one in candidates[:4])
        raise UsageError(
            f"none of the estimators that fit estimates the gradient of {ground.task.target}, on which {task} is "
            f"trained, without a bias: {aims}; leave `--estimator` out, or compare these with `bench run`"
        )
    return field


def baseline(ranked: Sequence[Candidate]) -> Candidate:
    """Return the one that everybody knows, which the others are compared with."""
    known = {one.cell.estimator: one for one in reversed(ranked)}
    return next((known[name] for name in _KNOWN if name in known), ranked[0])


def _matched(
    grounds: Grounds, asked: Request, ground: Ground, spec: Spec, estimator: Estimator, wanted: int
) -> tuple[int, float] | None:
    chosen = str(spec) in asked.chosen

    def counted(samples: int) -> float | None:
        if grounds.misfit(asked, asked.tasks[0], spec, samples, chosen) is not None:
            return None
        return _evaluations(ground, spec, samples)

    if _role(estimator, ground.task)[0] == "other":
        # It is named only.
        samples = max(wanted, estimator.minimum_samples)
        fits = grounds.misfit(asked, asked.tasks[0], spec, samples, chosen) is None
        return (samples, math.nan) if fits else None
    return matched(counted, estimator.minimum_samples, wanted)


def _evaluations(ground: Ground, spec: Spec, samples: int) -> float:
    """Return how often one gradient evaluates the model per datapoint; a mean where that depends on chance."""
    with seeded(CPU, "evaluations"):
        estimator, counts = build_estimator(spec, ground.task, ground.x), list[int]()
        while len(counts) < 2 or (len(set(counts)) > 1 and len(counts) < _COUNTED):
            with count_evaluations(ground.task) as count, torch.enable_grad():
                estimator.estimate(ground.task, ground.x, samples)
            counts.append(count[0])
    return sum(counts) / len(counts) / len(ground.x)


def _candidates(
    cells: Sequence[Cell], named: Sequence[Spec], counts: dict[tuple[str, int], float], task: Task
) -> Iterator[Candidate]:
    specs = {(ESTIMATORS.resolve(spec.name), str(ESTIMATORS.parameters(spec))): spec for spec in named if _builds(spec)}
    for cell in cells:
        estimator = ESTIMATORS.build(cell.estimator_spec)
        spec = specs[cell.estimator, str(cell.estimator_parameters)]
        role, aim = _role(estimator, task)
        name = ESTIMATORS.brief(cell.estimator_spec)
        yield Candidate(cell, name, counts[str(spec), cell.samples], role, aim)


def _builds(spec: Spec) -> bool:
    try:
        ESTIMATORS.parameters(spec)
    except UsageError:
        return False
    return True


def _role(estimator: Estimator, task: Task) -> tuple[Role, str]:
    target = estimator.target(task)
    if estimator.own_target:
        return "other", "a target of its own"
    if target != task.target:
        return "other", target
    if not estimator.trains_guide:
        return "other", f"{target}, in θ alone"
    if not estimator.guide_follows_target:
        return "other", f"{target} in θ, another aim in φ"
    return ("ranked" if estimator.unbiased else "biased"), target
