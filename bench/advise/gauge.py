"""Replicates of one estimator's gradient at some parameters: few at first, and more whenever there is time."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from statistics import median
from typing import Final, final

from torch import Tensor

from bench.machine.stopwatch import Stopwatch
from bench.machine.streams import seeded
from bench.measure.chunk import LARGEST_CHUNK
from bench.measure.cost import peak_memory
from bench.measure.metrics import bias_metrics, variance
from bench.measure.moments import GROUPS, Moments
from bench.measure.norms import pairs
from bench.measure.outcomes import unseen_outcomes
from bench.measure.point import Point
from bench.measure.reference import Reference
from bench.measure.replicates import LOOP, Replicator
from bench.measure.rounding import rounding_of
from bench.measure.summary import Summary
from bench.statistics.intervals import Interval
from bench.training.settling import adapts, settled
from estimators.base import Estimator
from tasks.base import Task

SETTLING: Final = 100
"""Estimates that adaptive state sees first, as in `bench run`; fewer where there is no time for them."""

FIRST_CHUNK: Final = 2 * GROUPS
"""Replicates of the smallest batch that is dealt out to all groups."""

_BYTES: Final = 512 << 20
"""At most this much memory for what a batch holds at once."""

_TRIED: Final = 4
"""Replicates of a batch by which it is seen how long a larger one will take, or less."""

_LONGER: Final = 4.0
"""A batch may take so many times the time that there is: most take less than the small one lets fear."""

_FEWEST: Final = 2
"""Replicates that each group of the jackknife needs."""

_TIMED: Final = 0.01
"""Seconds of a lap, and one gradient in any case."""

_CONSTANT: Final = 1e-10
"""Variances below this share of the squared mean may be nothing but rounding, which is looked at then."""

_TINY: Final = 1e-16
"""So may those below this, since what gradients are made of is of the order of one."""


@final
class Gauge:
    """Measures an estimator at a task's parameters.

    Attributes:
        settled: how many estimates its adaptive state has seen; None where it has none.
    """

    def __init__(
        self, task: Task, estimator: Estimator, samples: int, x: Tensor, identity: tuple[object, ...], seed: int
    ) -> None:
        self._task, self._estimator, self._samples, self._x = task, estimator, samples, x
        self._identity, self._seed = identity, seed
        self.replicator = Replicator(task, estimator, samples)
        self.settled: int | None = None
        self._worked = 0.0
        self._summarised: tuple[int, Summary] | None = None

    @cached_property
    def moments(self) -> Moments:
        """Return the moments of the replicates so far."""
        return Moments(self.replicator.size, self._x.dtype, self._x.device)

    @cached_property
    def first(self) -> float:
        """Return the seconds of one gradient, roughly; the first call is warm-up and does not count."""
        with self._stream("first"):
            self.replicator.draw(self._x, LOOP)
            return self._timed(1)

    def settle(self, step_size: float, seconds: float) -> None:
        """Let adaptive state fit itself to the parameters, for so many seconds at most."""
        if not adapts(self._estimator):
            return
        seen, begun = 0, time.perf_counter()

        def over() -> bool:
            nonlocal seen
            seen += 1
            return time.perf_counter() - begun >= seconds

        with self._stream("settling"):
            self._estimator = settled(
                self._estimator, self._task, self._x, self._samples, steps=SETTLING, step_size=step_size, over=over
            )
        self.settled = seen
        self.replicator = Replicator(self._task, self._estimator, self._samples)

    @property
    def replicates(self) -> int:
        """Return how many there are."""
        return self.moments.replicates if "moments" in vars(self) else 0

    @property
    def is_known(self) -> bool:
        """Return whether there are enough for a variance with an interval."""
        return self.replicates > 0 and float(self.moments.counts.min()) >= _FEWEST

    @property
    def pace(self) -> float:
        """Return the seconds of one replicate, as they have been drawn so far."""
        return self._worked / self.replicates if self.replicates else self.first

    def draw(self, until: int, seconds: float, over: Callable[[], bool]) -> None:
        """Draw up to so many replicates, or until time is over.

        Args:
            until: a multiple of the first chunk.
            seconds: that there are; a batch of replicates that would take longer is drawn one by one.
            over: says whether time is over.

        Raises:
            NotFinite: one is not.
        """
        if self.replicates >= until:
            return
        batches = self._batches
        with self._stream("replicates", self.replicates):
            while self.replicates < until and not over():
                start = time.perf_counter()
                size = batches.size(until - self.replicates, seconds)
                self.moments.update(self.replicator.draw(self._x, size))
                taken = time.perf_counter() - start
                batches.note(size, taken / size)
                self._worked += taken

    @cached_property
    def _batches(self) -> "_Batches":
        """Return how many are drawn at once."""
        with self._stream("batching"):
            if self.replicator.check_batching(self._x):
                return _Batches(self.first, math.inf, LOOP)
            watch = Stopwatch(self._x.device)
            self.replicator.draw(self._x, _TRIED)
            each = watch.seconds() / _TRIED
            held = peak_memory(lambda: self.replicator.draw(self._x, LOOP), self._x.device)
        return _Batches(self.first, each, _BYTES // max(held, self.replicator.size * self._x.element_size()))

    def lap(self) -> float:
        """Return the seconds of one gradient, as training computes it: the median over a hundredth of a second."""
        with self._stream("lap"):
            return self._timed(max(1, math.ceil(_TIMED / max(self.first, 1e-6))))

    def spread(self) -> Interval | None:
        """Return the variance, all parameters together; None while nothing is known of it.

        It is zero where replicates differ by no more than rounding, and are not known to leave out a rare event.
        """
        if not self.is_known:
            return None
        summary = self._summary()
        found = variance(summary)
        size = pairs(summary.means, summary.counts)[0] * summary.unit**2
        if found.value <= max(_CONSTANT * size, _TINY) and not bool(self.moments.rounding.any()):
            with self._stream("rounding"):
                draw = rounding_of(lambda: self.replicator.draw(self._x, LOOP)[0], self._x.device)
            self.moments.rounding = draw
            self._summarised = None
            found = variance(self._summary())
        return None if found.value == 0 and self._leaves_out else found

    @cached_property
    def _leaves_out(self) -> bool:
        point = Point(self._task, self._estimator, self._samples, self._x)
        return unseen_outcomes(point, self.replicator, 2 * GROUPS)

    def relative_bias(self, reference: Reference) -> Interval | None:
        """Return the relative bias of all parameters together; None while nothing is known of it."""
        if not self.is_known:
            return None
        where = self.replicator.slices["all"]
        return bias_metrics(self.moments, where, reference, self._summary()).get("relative_bias")

    def _summary(self) -> Summary:
        """Return what metrics of all parameters are made of, which takes long where there are many."""
        if self._summarised is None or self._summarised[0] != self.replicates:
            self._summarised = self.replicates, self.moments.summary(self.replicator.slices["all"])
        return self._summarised[1]

    def as_reference(self, label: str) -> Reference:
        """Return its mean as what others' biases are measured against."""
        return Reference(self.moments.mean, self.moments.counts, label)

    def _timed(self, count: int) -> float:
        found = list[float]()
        for _ in range(count):
            watch = Stopwatch(self._x.device)
            self.replicator.draw(self._x, LOOP)
            found.append(watch.seconds())
        return median(found)

    def _stream(self, *purpose: object) -> AbstractContextManager[None]:
        return seeded(self._x.device, self._seed, "advise", *self._identity, *purpose)


@final
class _Batches:
    """How many replicates to draw at once: four times as many as long as that is faster. Every draw counts.

    Args:
        alone: seconds of one that is drawn by itself.
        batched: of one of a small batch.
        largest: at once that memory holds.
    """

    def __init__(self, alone: float, batched: float, largest: int) -> None:
        self._best, self._each, self._foreseen = LOOP, alone, batched
        self._largest = min(largest, LARGEST_CHUNK)
        self._next = FIRST_CHUNK

    def size(self, wanted: int, seconds: float) -> int:
        """Return how many to draw next, of so many that are wanted, in about so many seconds."""
        most = min(wanted, self._largest)
        if self._next <= most and self._next * min(self._each, self._foreseen) <= _LONGER * seconds:
            return self._next
        # In whole first chunks, which are dealt out evenly; a smaller one goes to one group as a whole.
        return max(LOOP, min(self._best, most) // FIRST_CHUNK * FIRST_CHUNK)

    def note(self, size: int, each: float) -> None:
        """Note the seconds that each of a batch has taken."""
        if size != self._next:
            return
        if each < 0.97 * self._each:
            self._best, self._each, self._next = size, each, 4 * size
        else:
            self._next = LARGEST_CHUNK + 1
