"""The reference trajectory: common parameters at which several estimators are measured (`--at shared`)."""

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from filelock import FileLock
from torch import Tensor

from bench.errors import UsageError
from bench.execution.kept import keep, kept
from bench.execution.recall import Rerun
from bench.execution.sources import Maker, Source
from bench.machine.device import observations
from bench.machine.streams import seeded
from bench.names.building import build_estimator, named_reference
from bench.names.registry import ESTIMATORS
from bench.names.source import source_of
from bench.names.spec import Spec, parse_spec
from bench.results.aside import set_aside
from bench.results.leftovers import trajectory_lock, trajectory_path
from bench.settings import Cell, cell_id
from bench.training.diverged import Diverged
from bench.training.exact_gradient import ExactGradient
from bench.training.restoring import Unfit, require, require_like
from bench.training.trainer import Trainer
from estimators.base import Estimator
from estimators.base import Unfit as NotFitting
from estimators.distributions import Unsupported
from tasks.base import Data, Task

_STAND_INS: Final = ("enumerate", "reparam")
_FITS_ANY: Final = "reinforce-loo"
"""What a reference trajectory is trained by where neither an exact gradient nor a named reference can."""

Snapshots = dict[int, dict[str, Any]]
"""A task's state by training step."""


@dataclass(frozen=True)
class Trajectory:
    """Parameters along one training.

    Attributes:
        by: name of the estimator that trained them.
        snapshots: those at each step that was asked for and reached.
        diverged: how that training ended before its time.
        said: why it was trained anew though one was kept; empty where none was, or it was asked for.
    """

    by: str
    snapshots: Snapshots
    diverged: Diverged | None = None
    said: str = ""


@dataclass(frozen=True)
class Keeping:
    """Where trajectories are kept, and which are good for an invocation.

    Attributes:
        folder: the results folder.
        run: id of the invocation.
        rerun: which finished cells it runs again.
        task_source: source of the task.
    """

    folder: Path
    run: str
    rerun: Rerun | None = None
    task_source: str = ""

    def objection(self, content: Mapping[Any, Any], maker: Maker) -> str:
        """Return in words why a stored trajectory must not be used; empty if it may."""
        if self.rerun == "all" and content.get("run") != self.run:
            return "the reference trajectory was trained again, as --rerun all asks for"
        made = content.get("made")
        # A trajectory of before makers were kept is good, as records of then are, unless results are to be of now.
        if made is None and self.rerun != "stale":
            return ""
        different = maker.difference(made)
        return different and f"the reference trajectory was trained again, since {different}"


def _reference_estimator(
    task: Task, x: Tensor, minibatch: Tensor, is_weighed: bool = False
) -> tuple[str, Estimator] | None:
    """Return the name and an instance of what trains on a task's target best: its exact gradient, else a stand-in.

    Args:
        task: that is trained.
        x: an observation.
        minibatch: what it is trained on; of many observations a quadrature may be out of reach.
        is_weighed: whether the divergence has a weight, and so the target no exact value.
    """
    has_exact = task.exact(task.target, minibatch, 1) is not None
    if has_exact and not is_weighed:
        return "exact", ExactGradient()
    named = named_reference(task, task.target, x)
    return _fitting(task, x) if named is None and has_exact else named


def _fitting(task: Task, x: Tensor) -> tuple[str, Estimator]:
    """Return the first of some unbiased estimators of an ELBO that fits a task."""
    for name in _STAND_INS:
        found = name, _built(name, task, x)
        with suppress(NotFitting, Unsupported):
            found[1].require(task, x, found[1].minimum_samples)
            return found
    return _FITS_ANY, _built(_FITS_ANY, task, x)


def _built(name: str, task: Task, x: Tensor) -> Estimator:
    with seeded(x.device, "reference estimator", name):
        return build_estimator(parse_spec(name), task, x)


def require_reference(spec: Spec, task: Task, x: Tensor) -> None:
    """Refuse a task that nothing could train a reference trajectory on.

    Raises:
        UsageError: it says what the task's class lacks.
    """
    if _reference_estimator(task, x, x) is None:
        raise UsageError(
            f"several estimators are measured along one training, but nothing says by which gradient task '{spec}' is "
            f'trained: write references = {{"{task.target}": "reinforce"}} in its class, with an unbiased estimator '
            "that fits it, or give `--at own` to measure each along its own training"
        )


def reference_trajectory(
    cell: Cell, task: Task, data: Data, steps: list[int], keeping: Keeping, progress: Callable[[int], None]
) -> Trajectory:
    """Return the trajectory that a cell is measured along: the task's state at each of `steps`.

    It is trained once for a task, its source, its training settings and a seed, and kept in the results folder.

    Args:
        cell: one of those that are measured along it.
        task: at its initial parameters.
        data: of the task.
        steps: where states are kept.
        keeping: where it is kept, and which kept ones are good for this invocation.
        progress: told each step of its training.
    """
    x = observations(task, data.train[:1])
    with seeded(x.device, cell.seed, "minibatch"):
        minibatch = observations(task, data.train[: cell.training.batch_size])
    found = _reference_estimator(task, x, minibatch, bool(cell.training.kl_warmup))
    assert found is not None, "the plan has asked for it"
    name, estimator = found
    by = source_of(ESTIMATORS, parse_spec(name))
    file = trajectory_path(keeping.folder / cell.task_folder, _id(cell, keeping.task_source, name, by, steps))
    maker = Maker.of(Source(keeping.task_source, by))
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(trajectory_lock(file)):
        said = ""
        try:
            content = kept(file)
            if content is not None:
                said = keeping.objection(content, maker)
                if not said:
                    return _restored(name, content, task, steps)
        except Unfit as why:
            aside = set_aside(file)
            said = f"the reference trajectory was unusable ({why}) and is now {aside.name}: it was trained again"
        trained = replace(_train(cell, task, name, estimator, data, steps, progress), said=said)
        diverged = trained.diverged
        keep(
            file,
            {
                "made": asdict(maker),
                "run": keeping.run,
                "snapshots": trained.snapshots,
                "diverged": None if diverged is None else [diverged.what, diverged.where, diverged.step],
            },
        )
    return trained


def _id(cell: Cell, source: str, by: str, source_by: str, steps: list[int]) -> str:
    identity = cell.identity()
    for key in ("estimator", "estimator_parameters", "estimator_version", "samples", "measurement"):
        del identity[key]
    sources = {"source": source, "source_by": source_by}
    identity |= {key: value for key, value in sources.items() if value}
    return cell_id({**identity, "by": by, "steps": steps})


def _restored(by: str, content: dict[Any, Any], task: Task, steps: list[int]) -> Trajectory:
    """Return a kept trajectory.

    Raises:
        Unfit: it is none of this task, or lacks a step though its training did not diverge.
    """
    is_first_format = "made" not in content
    snapshots = content if is_first_format else content.get("snapshots")
    require(isinstance(snapshots, dict), "it holds no states")
    assert snapshots is not None
    diverged = None if is_first_format else _divergence(content.get("diverged"))
    expected = steps if diverged is None else steps[: len(snapshots)]
    for step in expected:
        require(step in snapshots, f"it lacks step {step}")
        require_like(task.state_dict(), snapshots[step], f"step {step}")
    require(len(snapshots) == len(expected), "it holds steps that were not asked for")
    return Trajectory(by, snapshots, diverged)


def _divergence(values: Any) -> Diverged | None:
    if values is None:
        return None
    types = [type(value) for value in values] if isinstance(values, list) else []
    require(types == [str, str, int], "it does not say how it diverged")
    return Diverged(*values)


def _train(
    cell: Cell,
    task: Task,
    by: str,
    estimator: Estimator,
    data: Data,
    steps: list[int],
    progress: Callable[[int], None],
) -> Trajectory:
    task = copy.deepcopy(task)
    trainer = Trainer(task, estimator, data, cell.training, samples=estimator.minimum_samples)
    snapshots: Snapshots = {}
    with seeded(data.train.device, cell.seed, "trajectory"):
        for step in steps:
            try:
                for at in trainer.run(step):
                    progress(at)
            except Diverged as reason:
                return Trajectory(by, _finite(snapshots), reason)
            snapshots[step] = copy.deepcopy(task.state_dict())
    return Trajectory(by, snapshots)


def _finite(snapshots: Snapshots) -> Snapshots:
    """Return the states before a divergence, which is met some steps after it."""
    return {
        step: state
        for step, state in snapshots.items()
        if all(bool(value.isfinite().all()) for value in state.values())
    }
