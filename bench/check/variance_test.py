"""What tests of variances have in common: variances of groups of replicates, and a second look at what is off."""

import time
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from bench.check.draws import Draws
from bench.check.estimators import settled
from bench.check.points import Point, Subject, first_line
from bench.check.verdicts import Line
from bench.machine.device import CPU
from bench.machine.streams import seeded
from estimators.base import Estimator

GROUPS: Final = 40
COUNT: Final = 40_000
"""Replicates of one sample of group variances."""


def line_of(
    estimator: str,
    subject: str,
    samples: int,
    replicates: int,
    begin: Callable[[], Callable[[], str]],
    *stream: object,
) -> Line:
    """Return the line of a test of variances: `violated` where what is off is so on fresh draws, too.

    Args:
        estimator: its name.
        subject: what the line calls the test.
        samples: K.
        replicates: that one look draws.
        begin: returns the look, which says what is off, or nothing.
        stream: the seed, and whose draws they are; see `seeded`.
    """
    start = time.perf_counter()
    try:
        look = begin()
        with seeded(CPU, *stream):
            # Variances are skewed, and tails heavier than they should be; they are not so twice.
            detail = look() and look()
    except Exception as error:
        # What breaks in a stranger's estimator is reported of it, not raised.
        return Line(estimator, subject, "violated", (samples,), detail=first_line(error))
    return Line(
        estimator=estimator,
        subject=subject,
        verdict="violated" if detail else "pass",
        samples=(samples,),
        replicates=replicates,
        seconds=time.perf_counter() - start,
        detail=detail,
    )


def group_variances(subject: Subject[Estimator], point: Point, samples: int) -> Tensor:
    """Return the trace of the covariance in each of `GROUPS` groups of replicates, [G]."""
    draws = Draws(point.task, settled(subject, point, samples), point.x, samples)
    rows: list[Tensor] = []
    while sum(map(len, rows)) < COUNT:
        rows.append(draws.draw(COUNT))
    gradients = torch.cat(rows)[:COUNT, :-1]
    return gradients.reshape(GROUPS, -1, gradients.shape[1]).var(1).sum(1)
