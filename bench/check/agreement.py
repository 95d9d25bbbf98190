"""Whether two samples of one estimate agree in their means: chunk sizes, numeric types, devices."""

import copy
from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor

from bench.check.clock import Clock
from bench.check.deviations import not_finite, quantile
from bench.check.draws import Draws
from bench.check.verdicts import Violation
from bench.results.digits import apart
from estimators.base import Estimator

_COUNT: Final = 4096
_SMALL_CHUNK: Final = 64
_FLOAT32: Final = 1e-3
"""Relative to the gradient's size: what float32 may lose."""


def disagreement(first: Tensor, second: Tensor, level: float, rounding: float = 1e-6) -> str | None:
    """Return which column differs most if the means of two independent samples differ, or None.

    Welch's test of each column with Bonferroni's correction.

    Args:
        first: rows [n, P + 1].
        second: rows [m, P + 1].
        level: the probability of a difference where there is none.
        rounding: a difference up to this share of the largest mean is none.
    """
    first, second = first.double().cpu(), second.double().cpu()
    for rows in (first, second):
        nan, infinite = rows.isnan().any(1), rows.isinf().any(1)
        if words := not_finite(int(nan.sum()), int((infinite & ~nan).sum()), len(rows)):
            return words
    difference = (first.mean(0) - second.mean(0)).abs()
    error = (first.var(0) / len(first) + second.var(0) / len(second)).sqrt()
    allowed = quantile(level / (2 * first.shape[1]), min(len(first), len(second))) * error
    allowed = allowed + rounding * (1 + second.mean(0).abs().max())
    worst = int((difference - allowed).argmax())
    if bool(difference[worst] <= allowed[worst]):
        return None
    texts = apart(float(first.mean(0)[worst]), float(second.mean(0)[worst]))
    return f"{texts[0]} against {texts[1]} in coordinate {worst}"


def persistent(
    first: Callable[[], Tensor], second: Callable[[], Tensor], level: float, rounding: float = 1e-6
) -> str | None:
    """Return how the means of two sources of rows differ, if they do, and do again in fresh draws; or None.

    Far out, where a run's level leads, tails are heavier than the normal ones; they are not so twice.
    """
    if disagreement(first(), second(), level, rounding) is None:
        return None
    return disagreement(first(), second(), level, rounding)


def disagreements(draws: Draws, another: Callable[[], Estimator], level: float, clock: Clock) -> Iterator[Violation]:
    """Yield a violation for each setting that changes the mean: the chunk size, float32, a GPU.

    Args:
        draws: in float64 on the CPU.
        another: returns a new instance of the estimator in the same state. One that has run cannot always be copied.
        level: the false-alarm probability of each of the `COMPARISONS`.
        clock: when it is over, fewer rows are drawn.
    """

    def reference() -> Tensor:
        return draws.about(_COUNT, _SMALL_CHUNK, clock.over)

    def chunked() -> Tensor:
        parts = [draws.batch(_SMALL_CHUNK)]
        while len(parts) < _COUNT // _SMALL_CHUNK and not clock.over():
            parts.append(draws.batch(_SMALL_CHUNK))
        return torch.cat(parts)

    reference()  # finds out whether vmap works
    if draws.reason is None:
        found = persistent(chunked, reference, level)
        if found is not None:
            yield Violation(
                "chunk size", f"chunks of {_SMALL_CHUNK} and of {draws.chunk} have different means: {found}"
            )
    for name, device, dtype in settings():
        moved = _moved(draws, another(), device, dtype)
        found = persistent(
            lambda moved=moved: moved.about(_COUNT, _SMALL_CHUNK, clock.over), reference, level, _FLOAT32
        )
        if found is not None:
            yield Violation(name, f"its mean differs: {found}")


def settings() -> list[tuple[str, torch.device, torch.dtype]]:
    """Return what estimates in float64 on the CPU are compared with here."""
    cpu = ("float32", torch.device("cpu"), torch.float32)
    return [cpu, ("cuda", torch.device("cuda"), torch.float64)] if torch.cuda.is_available() else [cpu]


COMPARISONS: Final = 3
"""The most comparisons that `disagreements` makes."""


def _moved(draws: Draws, estimator: Estimator, device: torch.device, dtype: torch.dtype) -> Draws:
    task = copy.deepcopy(draws.task).to(device, dtype)
    return Draws(task, estimator.to(device, dtype), draws.x.to(device, dtype), draws.samples)
