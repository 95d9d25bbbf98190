"""What one gradient costs: seconds, evaluations of the model, peak memory."""

import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor
from torch._C import _functorch as functorch  # pyright: ignore[reportAttributeAccessIssue] - not in the stubs
from torch.utils._pytree import tree_iter

from bench.machine.device import synchronize
from bench.machine.dispatch import DispatchMode
from bench.measure.moments import GROUPS
from bench.measure.replicates import LOOP, Replicator
from bench.statistics.intervals import Interval, median, positive_mean, ratio
from estimators.draw import Detached
from tasks.base import Task

_SECONDS: Final = float(os.environ.get("BENCH_COST_SECONDS", "0.3"))
"""How long a cell's gradient is timed, about, at all its steps together. Tests of thousands of cells that compare no
times need none of it.
"""

_SHARE_OF_EVALUATIONS: Final = 0.04
"""Of that time, how much evaluations of the model are timed besides, unless their least number takes longer."""


def cost_metrics(
    task: Task, replicator: Replicator, x: Tensor, drawn: "Evaluations | None" = None, share: float = 1.0
) -> dict[str, Interval]:
    """Return `seconds`, `relative_cost`, `evaluations` and `peak_memory` of one gradient, as training computes it.

    Args:
        task: whose model is evaluated.
        replicator: draws the gradient.
        x: the batch.
        drawn: what was counted of replicates that were drawn one by one; without it the count of one gradient is
            taken for all, since a number of evaluations that depends on chance is nothing that `vmap` can batch.
        share: of the time that a cell's gradient is timed in; other steps have the rest.
    """

    def gradient() -> None:
        replicator.draw(x, LOOP)

    if drawn is None:
        drawn = Evaluations()
        with count_evaluations(task) as count:
            gradient()
        drawn.add(slice(0, GROUPS), count[0])
    memory = _by_chance(lambda: peak_memory(gradient, x.device))
    duration = seconds(gradient, x.device, share=share)
    return {
        "evaluations": drawn.interval().scaled(1 / x.shape[0]),
        "peak_memory": memory,
        "seconds": duration,
        "relative_cost": ratio(duration, seconds_of_evaluation(task, x, share)),
    }


@torch.no_grad()
def seconds_of_evaluation(task: Task, x: Tensor, share: float = 1.0) -> Interval:
    """Return the time of one evaluation of log p(x, z), or f, at one sample of each datapoint of the batch x.

    The draw is made before, and there is no derivative: what any estimator needs at least once.
    """
    draw = Detached(1)
    task.guide(x, draw)
    latents = draw.trace.latents
    return seconds(lambda: task.model(x, latents), x.device, share=share * _SHARE_OF_EVALUATIONS)


@final
class Evaluations:
    """Numbers of evaluations, one of each replicate."""

    def __init__(self) -> None:
        self._seen = set[int]()
        self._sums = torch.zeros(GROUPS, dtype=torch.float64)
        self._counts = torch.zeros(GROUPS, dtype=torch.float64)

    def add(self, groups: slice, count: int) -> None:
        """Add the number of one replicate, which belongs to `groups`."""
        self._seen.add(count)
        self._sums[groups] += count
        self._counts[groups] += 1

    def interval(self) -> Interval:
        """Return the number, exactly where it is always the same; else it depends on chance, and this is its mean."""
        if len(self._seen) == 1:
            return Interval.exactly(float(*self._seen))
        return positive_mean(self._sums, self._counts)


def _by_chance(measured: Callable[[], int]) -> Interval:
    """Return what is measured, exactly where it is the same twice; else it depends on chance: the mean of 20."""
    found = [measured(), measured()]
    if found[0] == found[1]:
        return Interval.exactly(float(found[0]))
    found += [measured() for _ in range(GROUPS - 2)]
    return positive_mean(torch.tensor(found, dtype=torch.float64), torch.ones(GROUPS, dtype=torch.float64))


_DOORS: Final = ("__call__", "forward", "log_joint")
"""By which of its methods a model may be evaluated."""


@contextmanager
def count_evaluations(task: Task) -> Iterator[list[int]]:
    """Count how many values of log p(x, z) (or f) the model returns within the body; the list holds the count.

    By whatever door: a call, `forward` or `log_joint`, of the model or of a copy of it. One that goes through another
    counts once.
    """
    count, inside = [0], [False]

    def counted(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @wraps(method)
        def evaluate(*arguments: Any, **options: Any) -> Tensor:
            if inside[0]:
                return method(*arguments, **options)
            inside[0] = True
            try:
                output = method(*arguments, **options)
            finally:
                inside[0] = False
            count[0] += _numel(output)
            return output

        return evaluate

    # In the class, since a copy of the model would take along a method that belongs to the original.
    cls = type(task.model)
    own = {name: vars(cls)[name] for name in _DOORS if name in vars(cls)}
    for name in _DOORS:
        if hasattr(cls, name):
            setattr(cls, name, counted(getattr(cls, name)))
    try:
        yield count
    finally:
        for name in _DOORS:
            if name in own:
                setattr(cls, name, own[name])
            elif name in vars(cls):
                delattr(cls, name)


def _numel(output: Tensor) -> int:
    # Inside an estimator's own `vmap` a tensor shows one element of the batch, and holds all of it.
    while functorch.is_functorch_wrapped_tensor(output):
        output = functorch.get_unwrapped(output)
    return output.numel()


def seconds(
    work: Callable[[], object], device: torch.device, budget: float = _SECONDS, least: int = 21, *, share: float = 1.0
) -> Interval:
    """Return the median time of `work` over at least `least` runs, after a warm-up, with its interval.

    Args:
        work: what is timed.
        device: where it is done.
        budget: seconds that it takes, about, if `least` runs do not take longer.
        least: runs.
        share: of that budget, what is spent here.
    """
    for _ in range(3):
        work()
    times: list[float] = []
    deadline = time.perf_counter() + budget * share
    while len(times) < least or (time.perf_counter() < deadline and len(times) < 1000):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return median(np.array(times))


def peak_memory(work: Callable[[], object], device: torch.device) -> int:
    """Return the most bytes of tensors that `work` holds at once beside what was there before it."""
    if device.type == "cuda":
        synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        work()
        synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    # Autograd's own accumulations happen outside a dispatch mode's thread unless it runs single-threaded.
    with torch.autograd.set_multithreading_enabled(False), _LiveBytes() as live:
        work()
    return live.peak


@final
class _LiveBytes(DispatchMode):
    """Follows the bytes of every storage that is created inside it, until the storage dies."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._seen: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {_identity(value) for value in tree_iter((args, kwargs)) if isinstance(value, Tensor)}
        result = func(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, Tensor) and _identity(value) not in before:
                self._add(value.untyped_storage())
        self.peak = max(self.peak, self._live)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return

        def forget(_reference: Any) -> None:
            del self._seen[key]
            self._live -= size

        self._seen[key] = weakref.ref(storage, forget)
        self._live += size


def _identity(value: Tensor) -> int:
    return value.untyped_storage()._cdata
