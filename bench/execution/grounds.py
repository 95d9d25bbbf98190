"""What a plan asks of tasks and estimators, each question once however many settings, seeds and blocks ask it."""

from collections.abc import Callable
from typing import Any, TypeVar, final

from bench.errors import UsageError
from bench.execution.fit import Ground, misfit, misfit_weighed
from bench.execution.references import require_references
from bench.execution.request import Request
from bench.execution.returned import require_estimate
from bench.execution.size import require_draws_in_memory, require_parameters_in_memory
from bench.execution.soundness import require_sound
from bench.execution.trajectory import require_reference
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.names.building import build_task, load_data
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from bench.training.divergence import parse_weight
from estimators.base import Estimator
from tasks.base import Data, Task

T = TypeVar("T")


@final
class Grounds:
    """The tasks and estimators of a plan: built, and looked at, once.

    Attributes:
        data: those of each task, by its label.
    """

    def __init__(self, load: Callable[[Spec, Task], Data]) -> None:
        self.data: dict[str, Data] = {}
        self._load = load
        self._known: dict[tuple[object, ...], Any] = {}

    def estimator(self, spec: Spec, is_chosen: bool) -> tuple[Estimator | None, str]:
        """Return an estimator; or None and why it cannot be built, where a pattern has chosen it.

        Raises:
            UsageError: it cannot be built, and was named.
        """
        key = ("estimator", str(spec), is_chosen)
        return self._once(key, lambda: _if_possible(lambda: ESTIMATORS.build(spec), is_chosen))

    def of(self, request: Request, task: Spec) -> Ground:
        """Return a task with its data, in minibatches as asked for.

        Raises:
            UsageError: the task lacks something, or there is not enough memory.
            DataUnavailable: its data are not there.
        """
        whole = self._once(("task", str(task)), lambda: self._built(task))
        rows = whole.batch_size if request.batch_size is None else request.batch_size
        ground = self._once(("ground", str(task), rows), lambda: Ground(task, whole.task, whole.data, rows))
        key = ("sizes", str(task), request.dtype, request.device)
        self._once(key, lambda: require_parameters_in_memory(ground, request.dtype, request.device))
        self._once(("sound", str(task)), lambda: self._require_sound(ground))
        return ground

    def misfit(self, request: Request, task: Spec, spec: Spec, samples: int, is_chosen: bool) -> str | None:
        """Return why an estimator cannot be run on a task, or None where it can.

        Raises:
            UsageError: there is not enough memory; or the estimator returns what it must not, and was named.
        """
        ground = self.of(request, task)
        of_request = (request.dtype, request.device, is_chosen, parse_weight(request.kl_warmup or "") is not None)
        key = ("fit", str(task), ground.batch_size, str(spec), samples, *of_request)
        return self._once(key, lambda: self._misfit(ground, request, spec, samples, is_chosen))

    def require_reference(self, task: Spec) -> None:
        """Refuse a task that several estimators cannot be compared on; see `trajectory.require_reference`."""
        ground: Ground = self._once(("task", str(task)), lambda: self._built(task))
        self._once(("reference", str(task)), lambda: require_reference(task, ground.task, ground.x))

    def _built(self, task: Spec) -> Ground:
        built, data = built_with_data(task, self._load)
        return Ground(task, built, data, built.defaults.batch_size)

    def _require_sound(self, ground: Ground) -> None:
        require_sound(ground.task, ground.data)
        self.data[str(Spec(TASKS.resolve(ground.spec.name), TASKS.parameters(ground.spec)))] = ground.data
        require_references(ground)

    def _misfit(self, ground: Ground, request: Request, spec: Spec, samples: int, is_chosen: bool) -> str | None:
        estimator, _ = self.estimator(spec, is_chosen)
        assert estimator is not None, "it was built before"
        reason, trouble = _if_possible(lambda: misfit(ground, spec, estimator, samples), is_chosen)
        if not reason and not trouble and parse_weight(request.kl_warmup or "") is not None:
            reason, trouble = _if_possible(lambda: misfit_weighed(ground, spec, estimator, samples), is_chosen)
        if reason or trouble:
            return reason or trouble
        require_draws_in_memory(ground, samples, request.dtype, request.device)
        return _if_possible(lambda: require_estimate(ground, spec, samples), is_chosen)[1] or None

    def _once(self, key: tuple[object, ...], find: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = find()
        return self._known[key]


def built_with_data(spec: Spec, load: Callable[[Spec, Task], Data] = load_data) -> tuple[Task, Data]:
    """Return a task and its data, which are the same in every process.

    Raises:
        UsageError: see `build_task` and `load_data`.
        DataUnavailable: its data are not there.
    """
    with seeded(CPU, "probe"):
        built = build_task(spec)
    return built, load(spec, built)


def _if_possible(find: Callable[[], T], is_chosen: bool) -> tuple[T | None, str]:
    """Return what is found, or why nothing is; what was named, and not chosen by a pattern, must be found."""
    try:
        return find(), ""
    except UsageError as error:
        if not is_chosen:
            raise
        return None, str(error)
