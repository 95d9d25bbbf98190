"""What a draw depends on: the seed and the `state_dict`, and nothing that a resumed run does not have."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from bench.check.draws import Draws
from bench.check.estimators import resumed, settled
from bench.check.points import Point, Subject, first_line
from bench.check.sites import Kind, site_point
from bench.check.verdicts import Line, Violation
from bench.machine.device import CPU
from bench.machine.streams import seeded
from bench.training.settling import adapts
from estimators.base import Estimator

_STEPS: Final = 3
"""How many estimates are observed after a resume, beside one that went on."""


@dataclass(frozen=True)
class DependenceCheck:
    """Compares single draws of instances that should do the same, or should not, on a task for each kind of latent."""

    estimator: Subject[Estimator]
    sites: tuple[tuple[Kind, Literal["elbo", "expectation"]], ...]

    @property
    def tests(self) -> int:
        """The number of tests that share the level of a run: none, as next to nothing here is left to chance."""
        return 0

    @property
    def work(self) -> int:
        """See `Check`."""
        return 0

    @property
    def subject(self) -> str:
        """What a line of the report calls it."""
        return "seeds, state and resuming"

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        """Return the verdict; `level`, `tolerance` and `seconds` play no part."""
        start = time.perf_counter()
        violations: dict[str, Violation] = {}
        samples = 2 * self.estimator.build().minimum_samples
        for kind, target in self.sites:
            point = site_point(kind, target).copied()
            try:
                with seeded(CPU, seed, "dependence", self.estimator.name, kind):
                    # What is found on one task is not told again of the next.
                    violations = {v.property: v for v in self._at(point, samples, seed)} | violations
            except Exception as error:
                # A stranger's code may raise anything; that it does is the finding.
                violations["failed"] = Violation("failed", first_line(error))
        return Line(
            estimator=self.estimator.name,
            subject=self.subject,
            verdict="violated" if violations else "pass",
            samples=(samples,),
            seconds=time.perf_counter() - start,
            detail="; ".join(map(str, violations.values())),
        )

    def _at(self, point: Point, samples: int, seed: int) -> Iterator[Violation]:
        estimator = settled(self.estimator, point, samples)
        one = Draws(point.task, estimator, point.x, samples)
        first = _seeded_row(one, seed, "first")
        if not _same(first, _seeded_row(one, seed, "first")):
            yield Violation(
                "random numbers",
                "the same seed gives a different draw in the next call: its noise does not come from PyTorch's "
                "default generator, or a call leaves something behind",
            )
            return
        other = Draws(point.task, resumed(self.estimator, point, estimator), point.x, samples)
        if not _same(first, _seeded_row(other, seed, "first")):
            yield Violation("state", f"a new instance with the same state_dict and seed draws differently: {_KEEP}")
            return
        yield from self._repeated(one, other, first, seed)
        if adapts(estimator):
            yield from _continued(one, other, seed)

    def _repeated(self, one: Draws, other: Draws, first: Tensor, seed: int) -> Iterator[Violation]:
        """Yield a violation where what should differ does not; an estimator may be without chance altogether."""
        if not _changes(one, seed, turns=4, least=1):
            return
        seeds = (_same(first, _seeded_row(one, seed, "another", turn)) for turn in range(_TURNS))
        if all(seeds) and _changes(one, seed):
            yield Violation("random numbers", "a different seed gives the same draw")
        with seeded(CPU, seed, "stream"):
            shared = all(_same(one.loop(1), other.loop(1)) for _ in range(_TURNS))
        if shared and _changes(one, seed):
            yield Violation("random numbers", "two instances share their noise, although one draws after the other")


_TURNS: Final = 32
_CHANGING: Final = 24
"""Of `_TURNS` draws one after the other, how many at least differ from the first before one wonders that others do not.

Were all of them alike in law, with so many that differ among twice as many, that none of the one half does has a
probability of at most 2^−24: draws of discrete latents coincide often.
"""


def _changes(draws: Draws, seed: int, turns: int = _TURNS, least: int = _CHANGING) -> bool:
    """Return whether at least `least` of `turns` draws differ from the first, all of them one after the other."""
    with seeded(CPU, seed, "changes"):
        first = draws.loop(1)
        return sum(not _same(first, draws.loop(1)) for _ in range(turns)) >= least


_KEEP: Final = "keep adaptive state in buffers or parameters, or its numbers change when a run is resumed"


def _continued(one: Draws, other: Draws, seed: int) -> Iterator[Violation]:
    """Yield a violation where an instance that was resumed observes the same and goes another way."""
    for step in range(_STEPS):
        for draws in (one, other):
            with seeded(CPU, seed, "observed", step):
                draws.estimator.observe(draws.estimator.estimate(draws.task, draws.x, draws.samples))
        if not _same(_seeded_row(one, seed, "after", step), _seeded_row(other, seed, "after", step)):
            yield Violation("state", f"{step + 1} calls of observe() after a resume its draws are different: {_KEEP}")
            return


def _seeded_row(draws: Draws, *purpose: object) -> Tensor:
    with seeded(CPU, "dependence", *purpose):
        return draws.loop(1)


def _same(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True)
