"""What an estimator declares besides its mean: what it refuses, where its variance is zero."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor

from bench.check.agreement import COMPARISONS, disagreements
from bench.check.clock import Clock
from bench.check.draws import Draws, group_sizes
from bench.check.estimators import resumed, settled
from bench.check.gradient import GradientCheck
from bench.check.points import Point, Subject, first_line, task_subjects
from bench.check.probes import Probe
from bench.check.side_effects import changes
from bench.check.verdicts import Line, Violation
from bench.machine.device import CPU
from bench.machine.streams import seeded
from estimators.base import Estimator, Unfit
from tasks.base import Task

_COUNT: Final = 256
_LEAST: Final = 2.0
"""Seconds that the comparisons of settings may take however little time there is."""

_ZERO: Final = 1e-6
"""Standard deviations up to this share of the gradient's size are rounding."""

_WHERE: Final[dict[str, str]] = {
    "posterior": "lecture-weights(loc=0.0, scale=1.0)",
    "quadratic": "gaussian-quadratic(dim=2)",
}


@dataclass(frozen=True)
class DeclarationCheck:
    """Checks what `estimator` declares, at the first point that it fits."""

    estimator: Subject[Estimator]
    point: Point
    samples: int

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run."""
        return COMPARISONS

    @property
    def work(self) -> int:
        """See `Check`."""
        return 0

    @property
    def subject(self) -> str:
        """What a line of the report calls it."""
        return "declared properties"

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict; `tolerance` plays a part only where the task is doubted."""
        start, own = time.perf_counter(), self.point.copied()
        clock = Clock(max(seconds, _LEAST))
        checks: list[Callable[[], Iterator[Violation]]] = [
            self._latents,
            lambda: self._fewest_samples(own),
            lambda: self._zero_variance(own),
            lambda: self._settings(own, level, clock),
            lambda: changes(own, self.point),
        ]
        violations: list[Violation] = []
        with seeded(CPU, seed, "declarations", self.estimator.name):
            for check in checks:
                try:
                    violations += check()
                except Exception as error:
                    # A stranger's code may raise anything; that it does is the finding.
                    violations.append(Violation("failed", first_line(error)))
        line = Line(
            estimator=self.estimator.name,
            subject=self.subject,
            verdict="violated" if violations else "pass",
            samples=(self.samples,),
            seconds=time.perf_counter() - start,
            detail="; ".join(map(str, violations)),
        )
        gradient = GradientCheck(self.estimator, self.point, (self.samples,))
        fault = gradient.fault(line, level, tolerance, seconds, seed)
        return line if fault is None else replace(line, verdict="task at fault", detail=fault)

    def _latents(self) -> Iterator[Violation]:
        """Yield latents that should be refused and are not."""
        estimator = self.estimator.build()
        for kind, discrete in (("reparameterizable", True), ("enumerable", False), ("relaxable", False)):
            probe = Probe(discrete)
            if estimator.latents == kind and not _refuses(estimator, probe, probe.load().train, self.samples):
                family = "Bernoulli" if discrete else "Gaussian"
                yield Violation("latents", f"'{kind}' is declared, but a task with a {family} latent is not refused")

    def _fewest_samples(self, point: Point) -> Iterator[Violation]:
        estimator = self.estimator.build()
        fewer = estimator.minimum_samples - 1
        if fewer > 0 and not _refuses(estimator, point.task, point.x, fewer):
            yield Violation("minimum_samples", f"{fewer + 1} is declared, but {fewer} is not refused")

    def _zero_variance(self, given: Point) -> Iterator[Violation]:
        where = type(self.estimator.build()).zero_variance
        if where is None:
            return
        points = [Point(s, moved=False) for s in task_subjects(_WHERE[where])] if where in _WHERE else [given]
        for point in points:
            estimator = settled(self.estimator, point, self.samples)
            if _refuses(estimator, point.task, point.x, self.samples):
                continue
            rows = Draws(point.task, estimator, point.x, self.samples).draw(_COUNT)[:, :-1]
            if where == "posterior":
                rows = rows[:, : group_sizes(point.task)["guide"]]
            spread = _relative_spread(rows)
            if spread > _ZERO:
                yield Violation(
                    "zero variance", f"declared at '{where}', but on {point.name} the deviation is {spread:.2g}"
                )

    def _settings(self, point: Point, level: float, clock: Clock) -> Iterator[Violation]:
        estimator = settled(self.estimator, point, self.samples)
        draws = Draws(point.task, estimator, point.x, self.samples)
        yield from disagreements(draws, lambda: resumed(self.estimator, point, estimator), level, clock)


def _relative_spread(rows: Tensor) -> float:
    """Return the largest standard deviation of a coordinate, relative to the size of the gradient or to one."""
    return float(rows.std(0).max() / rows.mean(0).norm().clamp(min=1.0))


def _refuses(estimator: Estimator, task: Task, x: Tensor, samples: int) -> bool:
    try:
        estimator.require(task, x, samples)
    except Unfit:
        return True
    return False
