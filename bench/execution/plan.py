"""From what was asked on the command line to cells: defaults filled in, names resolved, misfits refused."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from bench.errors import UsageError
from bench.execution.fit import Ground, default_samples, misfit
from bench.execution.references import require_references
from bench.execution.returned import require_estimate
from bench.execution.size import require_draws_in_memory, require_parameters_in_memory
from bench.execution.soundness import require_sound
from bench.execution.trajectory import require_reference
from bench.machine.device import CPU, dtype_name
from bench.machine.streams import seeded
from bench.names.building import build_task, load_data
from bench.names.consent import modules_of, name_modules
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from bench.settings import Cell, Measurement, Training
from bench.training.learning import Joint, parse_learning
from bench.training.schedules import parse_schedule
from estimators.base import Estimator
from tasks.base import Data, Task

T = TypeVar("T")

_OF_TRAINING: Final = (
    "optimizer",
    "model_lr",
    "schedule",
    "model_schedule",
    "guide_schedule",
    "checkpoints",
)
"""What is asked of training alone; η is also the step size at which adaptive state settles without training."""


@dataclass(frozen=True)
class Request:
    """What was asked for; None means the task's default."""

    tasks: tuple[Spec, ...]
    estimators: tuple[Spec, ...]
    samples: tuple[int, ...] | None = None
    seeds: tuple[int, ...] = (0,)
    steps: int | None = None
    batch_size: int | None = None
    optimizer: Literal["adam", "sgd"] | None = None
    model_lr: float | None = None
    guide_lr: float | None = None
    schedule: str | None = None
    model_schedule: str | None = None
    guide_schedule: str | None = None
    learning: str = "joint"
    replicates: int | None = None
    precision: float | None = None
    checkpoints: int | None = None
    evaluation_samples: int | None = None
    at: Literal["own", "shared"] | None = None
    dtype: Literal["float32", "float64"] | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    tf32: bool = False


@dataclass(frozen=True)
class Plan:
    """The cells to run, the data of each task by its label, and which combinations do not fit, with the reason."""

    cells: list[Cell]
    data: dict[str, Data]
    refused: list[tuple[str, str]]


def make_plan(request: Request, load: Callable[[Spec, Task], Data] = load_data) -> Plan:
    """Return the cells of a request.

    Raises:
        UsageError: a name or parameter is unknown, nothing of what was asked for fits, or something would do nothing; a
            task or an estimator of somebody else's lacks something, or returns what it must not.
        DataUnavailable: a task's data are not there.
    """
    _require_used(request)
    name_modules(module for spec in (*request.tasks, *request.estimators) for module in modules_of(spec))
    cells: dict[str, Cell] = {}
    data: dict[str, Data] = {}
    refused: dict[tuple[str, str], None] = {}
    estimators = [(spec, ESTIMATORS.build(spec)) for spec in request.estimators]
    for task_spec in request.tasks:
        with seeded(CPU, "probe"):
            task = build_task(task_spec)
        rows = load(task_spec, task)
        ground = Ground(task_spec, task, rows, _first(request.batch_size, task.defaults.batch_size))
        require_parameters_in_memory(ground, request.dtype, request.device)
        require_sound(task, rows)
        data[str(Spec(TASKS.resolve(task_spec.name), TASKS.parameters(task_spec)))] = rows
        require_references(ground)
        found = list(_cells(request, ground, estimators, refused))
        if any(cell.along_trajectory for cell in found):
            require_reference(task_spec, task, ground.x)
        cells |= {cell.id: cell for cell in found}
    if not cells:
        raise UsageError("; ".join(reason for _, reason in refused) or "nothing to run")
    return Plan(list(cells.values()), data, list(refused))


def _cells(
    request: Request,
    ground: Ground,
    estimators: Sequence[tuple[Spec, Estimator]],
    refused: dict[tuple[str, str], None],
) -> Iterator[Cell]:
    """Give the cells of a task; what does not fit it is added to `refused`, with the reason."""
    for spec, estimator in estimators:
        for samples in request.samples or (default_samples(ground.task, estimator),):
            reason = misfit(ground, spec, estimator, samples)
            if reason is not None:
                refused[str(spec), reason] = None
                continue
            require_draws_in_memory(ground, samples, request.dtype, request.device)
            require_estimate(ground, spec, samples)
            for seed in request.seeds:
                yield _cell(request, ground.spec, ground.task, ground.data, spec, estimator, samples, seed)


def _require_used(request: Request) -> None:
    """Refuse what would do nothing but give an experiment that is known a second id."""
    if request.replicates is not None and request.precision is not None:
        raise UsageError(
            "--replicates measures exactly so many gradients, and --precision as many as it takes: give one of the two"
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
    seed: int,
) -> Cell:
    defaults = task.defaults
    schedule = _first(request.guide_schedule, _first(request.schedule, defaults.schedule))
    of_model = _first(request.model_schedule, _first(request.schedule, defaults.schedule))
    for text in (schedule, of_model):
        parse_schedule(text)
    if not isinstance(parse_learning(request.learning), Joint) and not list(task.model.parameters()):
        raise UsageError(f"--learning {request.learning} alternates φ and θ; {task_spec.name} has no θ to learn")
    training = Training(
        steps=_first(request.steps, defaults.steps),
        batch_size=min(_first(request.batch_size, defaults.batch_size), len(data.train)),
        optimizer=_first(request.optimizer, defaults.optimizer),
        model_lr=float(_first(request.model_lr, defaults.model_lr)),
        guide_lr=float(_first(request.guide_lr, defaults.guide_lr)),
        schedule=schedule,
        model_schedule="" if of_model == schedule else of_model,
        learning=request.learning,
    )
    measurement = Measurement(
        at=request.at or ("shared" if len(request.estimators) > 1 and training.steps else "own"),
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
        seed=seed,
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
