"""Beyond the points: other K and B, a log p that is far from zero or large, single precision, a long training."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from bench.check.agreement import disagreement
from bench.check.bias import another_mean, does_not_vanish
from bench.check.clock import Clock
from bench.check.deviations import Deviations
from bench.check.draws import Draws
from bench.check.estimators import resumed, settled
from bench.check.gradient import claimed, describe, scales
from bench.check.points import Exact, Point, Subject, first_line
from bench.check.sequential import sequential_test
from bench.check.sites import Kind, fits, site_point
from bench.check.verdicts import Line, Violation
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.training.settling import observes
from estimators.base import Estimate, Estimator

_ROWS: Final = 256
_OBSERVED: Final = 1000
_OBSERVING: Final = 0.2
_SETTLING: Final = 4
_QUICK: Final = 2
"""The largest K whose exact mean is worked out for a target of an estimator's own, which takes seconds beyond."""

_FLOAT32: Final = 1e-3
_LEAST: Final = 20.0
"""Seconds of work for all of it, however little time there is; most estimators need less than one."""

_SECONDS: Final = 2.0
"""Of work for one test, where there is an alarm to look into; without one it ends at its first look."""


@dataclass(frozen=True)
class Place:
    """Where to look beside the points.

    Attributes:
        name: what is unusual there, beside K.
        samples: K.
        copies: how often the three observations are repeated.
        scale: of log p or the cost.
        shift: of log p or the cost.
        test: what is tested: that the mean is exact; that it is the same in float32; or that values are finite, where
            what is added to f drowns a mean in noise.
        long: whether adaptive state has observed a thousand estimates.
    """

    name: str
    samples: int = 4
    copies: int = 1
    scale: float = 1.0
    shift: float = 0.0
    test: Literal["mean", "float32", "finite"] = "mean"
    long: bool = False


PLACES: Final = (
    Place("B = 51", 2, copies=17),
    Place("B = 21", 4, copies=7),
    Place("", 8),
    Place("1000 log p", scale=1000.0),
    Place("1000 log p, in float32", scale=1000.0, test="float32"),
    Place("log p − 1000", shift=-1000.0, test="finite"),
    Place("log p − 1000, in float32", shift=-1000.0, test="float32"),
    Place("after 1000 calls of observe", long=True),
)


@dataclass(frozen=True)
class ReachCheck:
    """Looks at an estimator where the points do not: at every place, on one task for each kind of latent."""

    estimator: Subject[Estimator]
    sites: tuple[tuple[Kind, Literal["elbo", "expectation"]], ...]

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run."""
        return (2 * len(PLACES) + 1) * len(self.sites)

    @property
    def work(self) -> int:
        """See `Check`."""
        return 0

    @property
    def subject(self) -> str:
        """What a line of the report calls it."""
        return "other K, B and sizes of f"

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict; `tolerance` plays no part."""
        start = time.perf_counter()
        violations: list[Violation] = []
        looked: set[int] = set()
        clock, left_out = Clock(max(seconds, _LEAST)), 0
        for kind, target in self.sites:
            for place in PLACES:
                point = site_point(kind, target, place.scale, place.shift)
                samples = self._samples(place, point)
                if samples is None:
                    continue
                if clock.over():
                    left_out += 1
                    continue
                if {one.property for one in violations} & {"failed", "biased" if place.test == "mean" else ""}:
                    # One says what is wrong, and to confirm each takes seconds.
                    continue
                looked.add(samples)
                unusual = f"{place.name}, " if place.name else ""
                where = f"{unusual}K = {samples}, {point.name}"
                try:
                    with seeded(CPU, seed, "reach", self.estimator.name, kind, place.name):
                        violations += [replace_where(v, where) for v in self._at(place, point, samples, level)]
                except Exception as error:
                    # A stranger's code may raise anything; that it does is the finding.
                    violations.append(Violation("failed", f"{where}: {first_line(error)}"))
            violations += self._claims(site_point(kind, target).copied(), seed, level)
        return Line(
            estimator=self.estimator.name,
            subject=self.subject,
            verdict="violated" if violations else "inconclusive" if left_out else "pass",
            samples=tuple(sorted(looked)),
            seconds=time.perf_counter() - start,
            waited=clock.waited,
            detail="; ".join(map(str, violations)) or (f"time ran out with {left_out} places left" if left_out else ""),
        )

    def _claims(self, point: Point, seed: int, level: float) -> Iterator[Violation]:
        """Yield what is claimed of a declared bias, and does not hold."""
        estimator = self.estimator.build()
        if estimator.unbiased or not (estimator.bias_claim.like or estimator.bias_claim.vanishes):
            return
        with seeded(CPU, seed, "bias", self.estimator.name, point.name):
            try:
                if estimator.bias_claim.like:
                    samples = 2 * estimator.minimum_samples
                    yield from another_mean(estimator, self.estimator, point, samples, level)
                if estimator.bias_claim.vanishes:
                    yield from does_not_vanish(estimator, self.estimator, point, claimed(estimator, point), level)
            except Exception as error:
                # A stranger's code may raise anything; that it does is the finding.
                yield Violation("failed", f"at its bias, {point.name}: {first_line(error)}")

    def _samples(self, place: Place, point: Point) -> int | None:
        """Return K at a place, or the first multiple of the fewest above it (samples may come in groups); or None."""
        estimator = self.estimator.build()
        if place.long and not observes(estimator):
            return None
        fewest = estimator.minimum_samples
        for samples in dict.fromkeys((max(place.samples, fewest), -(-place.samples // fewest) * fewest)):
            if fits(estimator, point.copied(), samples):
                return samples
        return None

    def _at(self, place: Place, original: Point, samples: int, level: float) -> Iterator[Violation]:
        point = original.copied()
        point.x = point.x.repeat(place.copies, 1)
        estimator = settled(self.estimator, point, samples, _SETTLING)
        if place.long:
            _observe(estimator, [estimator.estimate(point.task, point.x, samples) for _ in range(_SETTLING)])
        draws = Draws(point.task, estimator, point.x, samples)
        rows = draws.draw(_ROWS)
        if not bool(rows.isfinite().all()):
            yield _not_finite(rows)
        elif place.test == "float32":
            yield from self._single(draws, rows, point, level)
        # Draws one by one are dear: one place has to do.
        elif place.test == "mean" and estimator.unbiased and (draws.reason is None or place is PLACES[0]):
            exact = _exact(original, estimator, samples)
            if exact is not None:
                yield from _biased(draws, rows, point, exact, level)

    def _single(self, draws: Draws, rows: Tensor, point: Point, level: float) -> Iterator[Violation]:
        other = resumed(self.estimator, point, draws.estimator)
        single = Draws(copy.deepcopy(point.task).float(), other.float(), draws.x.float(), draws.samples)
        found = single.draw(_ROWS)
        if not bool(found.isfinite().all()):
            yield _not_finite(found)
        elif disagreement(found, rows, level, _FLOAT32) is not None:
            again = disagreement(single.draw(_ROWS), draws.draw(_ROWS), level, _FLOAT32)
            if again is not None:
                yield Violation("float32", f"the mean differs: {again}")


def _biased(draws: Draws, pilot: Tensor, point: Point, exact: Exact, level: float) -> Iterator[Violation]:
    """Yield a violation where the mean is off at the first look of a test."""
    tested = claimed(draws.estimator, point)
    outcome = sequential_test(
        draws.draw,
        lambda: Deviations(exact, pilot, tested, torch.Generator().manual_seed(0)),
        scales(point, exact),
        level,
        torch.inf,
        _SECONDS,
    )
    if outcome.verdict == "off":
        yield Violation("biased", describe(point, exact, outcome))


def _observe(estimator: Estimator, estimates: list[Estimate]) -> None:
    """Let a thousand estimates be observed, or as many as there is time for."""
    clock, left = Clock(_OBSERVING), _OBSERVED
    while left and not clock.over():
        estimator.observe(estimates[left % len(estimates)])
        left -= 1


def _exact(point: Point, estimator: Estimator, samples: int) -> Exact | None:
    """Return the exact gradient where it is known and quick to work out."""
    if estimator.own_target and samples > _QUICK:
        return None
    return point.exact(estimator, samples) if point.has_exact(estimator, samples) else None


def replace_where(violation: Violation, where: str) -> Violation:
    """Return a violation that says where it was found."""
    return Violation(violation.property, f"{where}: {violation.found}")


def _not_finite(rows: Tensor) -> Violation:
    count = int((~rows.isfinite()).any(1).sum())
    found = f"NaN or infinite in {count} of {len(rows)} draws; keep to logarithms, as `log_mean_exp` does"
    return Violation("not finite", found)
