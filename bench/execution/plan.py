"""From what was asked on the command line to cells: defaults filled in, names resolved, misfits refused."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, final

from bench.errors import UsageError
from bench.execution.fit import default_samples
from bench.execution.grounds import Grounds
from bench.execution.held_back import hold_back, share_held_back
from bench.execution.request import Exclusion, Request
from bench.machine.device import dtype_name
from bench.names.building import load_data
from bench.names.consent import modules_of, name_modules
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from bench.settings import Cell, Measurement, Training
from bench.training.descents import optimizer_text
from bench.training.divergence import parse_weight, weight_text
from bench.training.learning import Joint, parse_learning
from bench.training.schedules import parse_schedule
from estimators.base import Estimator
from tasks.base import Data, Task

__all__ = ["Plan", "Request", "make_plan", "plan_all"]

T = TypeVar("T")

_OF_TRAINING: Final = (
    "optimizer",
    "model_lr",
    "schedule",
    "model_schedule",
    "guide_schedule",
    "checkpoints",
    "validation",
    "kl_warmup",
    "clip_norm",
)
"""What is asked of training alone; η is also the step size at which adaptive state settles without training."""


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        cells: each once, in the order in which they were asked for.
        data: those of each task, by its label.
        refused: which combinations do not fit, with the reason.
        fitting: by task, how many of the estimators that patterns chose fit it, and how many they chose.
        excluded: cells that were left out as asked.
        unmatched: exclusions that no cell matches.
    """

    cells: list[Cell]
    data: dict[str, Data]
    refused: list[tuple[str, str]]
    fitting: dict[str, tuple[int, int]] = field(default_factory=dict)
    excluded: int = 0
    unmatched: list[Exclusion] = field(default_factory=list)


def make_plan(request: Request, load: Callable[[Spec, Task], Data] = load_data) -> Plan:
    """Return the cells of a request; see `plan_all`."""
    return plan_all([request], load)


def plan_all(
    requests: Sequence[Request], load: Callable[[Spec, Task], Data] = load_data, grounds: Grounds | None = None
) -> Plan:
    """Return the cells of requests, one after the other.

    Args:
        requests: what is asked for.
        load: returns the data of a task.
        grounds: what is known already of tasks and estimators; `load` plays no part then.

    Raises:
        UsageError: a name or parameter is unknown, nothing of what was asked for fits, or something would do nothing; a
            task or an estimator of somebody else's lacks something, or returns what it must not.
        DataUnavailable: a task's data are not there.
    """
    planner = _Planner(grounds or Grounds(load))
    for request in requests:
        planner.add(request)
    return planner.plan(requests)


@final
class _Planner:
    """Gathers the cells of requests; what was found out of a task and an estimator is not asked again."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._cells: dict[str, Cell] = {}
        self._refused: dict[tuple[str, str], None] = {}
        self._unfit: dict[str, None] = {}
        self._chosen: dict[str, dict[str, bool]] = {}
        self._excluded = 0
        self._matched: set[int] = set()

    def add(self, request: Request) -> None:
        """Add the cells of a request."""
        _require_used(request)
        name_modules(module for spec in (*request.tasks, *request.estimators) for module in modules_of(spec))
        # What is written wrong is said before data are read.
        for spec in request.estimators:
            self._grounds.estimator(spec, str(spec) in request.chosen)
        for task in request.tasks:
            for spec in request.estimators:
                for cell in self._fitting(request, task, spec):
                    for seed in request.seeds:
                        one = replace(cell, seed=seed)
                        self._cells.setdefault(one.id, one)

    def plan(self, requests: Sequence[Request]) -> Plan:
        """Return what was gathered."""
        rules = {id(rule): rule for request in requests for rule in request.exclude}
        if not self._cells:
            raise UsageError(self._nothing())
        return Plan(
            list(self._cells.values()),
            self._grounds.data,
            list(self._refused),
            {task: (sum(fits.values()), len(fits)) for task, fits in self._chosen.items()},
            self._excluded,
            [rule for key, rule in rules.items() if key not in self._matched],
        )

    def _nothing(self) -> str:
        """Return why there is no cell."""
        said = [reason for _, reason in self._refused]
        if self._unfit:
            first = next(iter(self._unfit))
            said.append(f"none of the chosen estimators fits ({first}); `bench list --matrix` shows which do")
        return "; ".join(said) or ("every cell is excluded" if self._excluded else "nothing to run")

    def _fitting(self, request: Request, task: Spec, spec: Spec) -> Iterator[Cell]:
        """Give the cell with seed 0 of each K with which an estimator fits a task; note what does not fit."""
        is_chosen = str(spec) in request.chosen
        fits = self._chosen.setdefault(str(task), {}) if is_chosen else {}
        estimator, trouble = self._grounds.estimator(spec, is_chosen)
        if estimator is None:
            fits[str(spec)] = False
            self._unfit[trouble] = None
            return
        ground = self._grounds.of(request, task)
        for samples in request.samples or (default_samples(ground.task, estimator),):
            if rules := [rule for rule in request.exclude if rule.holds(task, spec, samples)]:
                self._matched.update(map(id, rules))
                self._excluded += len(request.seeds)
                continue
            reason = self._grounds.misfit(request, task, spec, samples, is_chosen)
            fits[str(spec)] = fits.get(str(spec), False) or reason is None
            if reason is None:
                cell = _cell(request, ground.spec, ground.task, ground.data, spec, estimator, samples)
                if cell.along_trajectory:
                    self._grounds.require_reference(task)
                yield cell
            elif is_chosen:
                self._unfit[reason] = None
            else:
                self._refused[str(spec), reason] = None


def _require_used(request: Request) -> None:
    """Refuse what would do nothing but give an experiment that is known a second id."""
    if request.replicates is not None and request.precision is not None:
        raise UsageError(
            "--replicates measures exactly that many gradients, --precision as many as it takes: give only one of them"
        )
    if request.steps != 0:
        return
    given = [f"--{name.replace('_', '-')}" for name in _OF_TRAINING if getattr(request, name) is not None]
    given += ["--learning"] if request.learning != "joint" else []
    given += ["--at shared"] if request.at == "shared" else []
    if given:
        raise UsageError(f"without training there is nothing for {', '.join(given)} to do: leave it out, or train")


def _cell(
    request: Request,
    task_spec: Spec,
    task: Task,
    data: Data,
    spec: Spec,
    estimator: Estimator,
    samples: int,
) -> Cell:
    """Return the cell with seed 0."""
    defaults = task.defaults
    schedule = _first(request.guide_schedule, _first(request.schedule, defaults.schedule))
    of_model = _first(request.model_schedule, _first(request.schedule, defaults.schedule))
    steps = _first(request.steps, defaults.steps)
    for text, course in (
        *((text, parse_schedule(text)) for text in (schedule, of_model)),
        (f"--kl-warmup {request.kl_warmup}", parse_weight(request.kl_warmup or "")),
    ):
        if course is not None and 0 < steps < course.fewest:
            raise UsageError(
                f"{text} takes {course.fewest} steps, but training has {steps}: give it fewer, or a share such as "
                f"0.2, or train longer (--steps)"
            )
    if not isinstance(parse_learning(request.learning), Joint) and not list(task.model.parameters()):
        raise UsageError(f"--learning {request.learning} alternates φ and θ; {task_spec.name} has no θ to learn")
    validation = share_held_back(task_spec, task, data, request.validation)
    training = Training(
        steps=steps,
        batch_size=min(_first(request.batch_size, defaults.batch_size), len(hold_back(data, validation).train)),
        optimizer=optimizer_text(_first(request.optimizer, defaults.optimizer)),
        model_lr=float(_first(request.model_lr, defaults.model_lr)),
        guide_lr=float(_first(request.guide_lr, defaults.guide_lr)),
        schedule=schedule,
        model_schedule="" if of_model == schedule else of_model,
        learning=request.learning,
        validation=validation,
        kl_warmup=weight_text(request.kl_warmup or ""),
        clip_norm=float(_first(request.clip_norm, 0.0)),
    )
    measurement = Measurement(
        at=request.at or ("shared" if request.several and training.steps else "own"),
        replicates=request.replicates,
        replicates_cap=defaults.replicates_cap,
        precision=_first(request.precision, defaults.precision),
        checkpoints=_first(request.checkpoints, defaults.checkpoints),
        evaluation_samples=_first(request.evaluation_samples, defaults.evaluation_samples),
    )
    dtype = request.dtype or dtype_name(type(task))
    return Cell(
        task=TASKS.resolve(task_spec.name),
        task_parameters=TASKS.parameters(task_spec),
        task_version=task.version,
        estimator=ESTIMATORS.resolve(spec.name),
        estimator_parameters=ESTIMATORS.parameters(spec),
        estimator_version=estimator.version,
        samples=samples,
        seed=0,
        dataset=data.name,
        dtype=dtype,
        device=request.device,
        training=training,
        measurement=measurement,
        # Elsewhere it changes no number.
        tf32=request.tf32 and request.device == "cuda" and dtype == "float32",
    )


def _first(asked: T | None, default: T) -> T:
    return default if asked is None else asked
