"""What an estimator claims of a bias that it declares: its sign and size, that it vanishes, or whose mean it shares."""

import math
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from bench.check.agreement import persistent
from bench.check.deviations import DOMINATED, quantile
from bench.check.draws import Draws
from bench.check.estimators import estimator_subject, settled
from bench.check.points import Exact, Point, Subject
from bench.check.sites import fits
from bench.check.verdicts import Violation
from bench.training.diverged import GREEK
from estimators.base import Estimator

_COUNT: Final = 2048
_CONFIRMING: Final = 8 * _COUNT
_MANY: Final = 4096
_FEW: Final = 16
_FOUR_TIMES: Final = 4 * _FEW
_SLACK: Final = 0.1
"""Relative to the gradient, what is no bias where one should have vanished."""


def wrong_sign_or_size(draws: Draws, point: Point, exact: Exact, tested: Tensor, level: float) -> Iterator[Violation]:
    """Yield a violation for φ or θ where the mean along the exact gradient is not of its sign, or not of its size.

    Args:
        draws: of an estimator that is declared biased.
        point: where.
        exact: the gradient there.
        tested: whose mean is claimed at all, [P + 1].
        level: the false-alarm probability.
    """
    claim = draws.estimator.bias_claim
    if claim.vanishes or claim.like:
        return
    start = 0
    for group, size in point.groups.items():
        part = slice(start, start + size)
        start += size
        along = exact.gradient[part]
        norm = along.norm()
        if not size or not bool(tested[part].all()) or bool(norm <= 1e-6 * exact.gradient.norm()):
            continue

        def ratios(count: int, part: slice = part, along: Tensor = along / norm**2) -> Tensor:
            return draws.about(count)[:, part].to(along) @ along

        found = _outside(ratios(_COUNT), claim.within, level) and _outside(ratios(_CONFIRMING), claim.within, level)
        if found:
            limit = "" if math.isinf(claim.within) else f" within a factor of {claim.within:g}, too"
            yield Violation(
                "bias",
                f"along the exact gradient of {GREEK[group]} the mean is {found} times as large; the claim is that it "
                f"has the same sign{limit}",
            )


def _outside(ratios: Tensor, within: float, level: float) -> str | None:
    """Return the mean ratio where it is outside what is claimed, beyond chance; or None."""
    mean, error = ratios.mean(), ratios.std() / len(ratios) ** 0.5
    deviation = (ratios - mean).square()
    if bool(deviation.max() > DOMINATED * deviation.sum()) and bool(error > 0):
        return None
    margin = quantile(level, len(ratios)) * error
    inside = mean + margin >= (0 if math.isinf(within) else 1 / within) and mean - margin <= within
    return None if bool(inside) and bool(mean.isfinite()) else f"{float(mean):.3g}"


def another_mean(
    estimator: Estimator, subject: Subject[Estimator], point: Point, samples: int, level: float
) -> Iterator[Violation]:
    """Yield a violation if the mean is not that of the estimator that is claimed to have the same mean."""
    name = estimator.bias_claim.like
    other = estimator_subject(name)
    if not fits(other.build(), point, samples):
        return
    mine, theirs = (_draws(settled(who, point, samples), point, samples) for who in (subject, other))
    found = persistent(lambda: mine.about(_MANY), lambda: theirs.about(_MANY), level)
    if found is not None:
        yield Violation("bias", f"the mean is claimed to be that of {name}, and is {found}")


def does_not_vanish(
    estimator: Estimator, subject: Subject[Estimator], point: Point, tested: Tensor, level: float
) -> Iterator[Violation]:
    """Yield a violation where four times the samples leave more than half of the bias (O(1/K) leaves a quarter)."""
    biases: list[Tensor] = []
    errors: list[Tensor] = []
    scale = None
    for samples in (_FEW, _FOUR_TIMES):
        if not point.has_exact(estimator, samples):
            return
        exact = point.exact(estimator, samples)
        rows = _draws(settled(subject, point, samples), point, samples).about(_MANY)
        biases.append(rows.mean(0) - exact.row)
        errors.append(rows.std(0) / len(rows) ** 0.5)
        scale = torch.full_like(exact.row, float(exact.gradient.norm()))
        scale[-1] = max(1.0, abs(exact.value))
    assert scale is not None
    left = biases[1].abs() - biases[0].abs() / 2 - _SLACK * scale
    error = (errors[1].square() + errors[0].square() / 4).sqrt()
    beyond = (left > quantile(level / (2 * len(left)), _MANY) * error) & _claims(tested)
    if bool(beyond.any()):
        worst = int(torch.where(beyond, left / scale, -math.inf).argmax())
        few, many = (float(bias[worst]) for bias in biases)
        yield Violation(
            "bias",
            f"it is claimed to be O(1/K), and with K = {_FEW} and {_FOUR_TIMES} that of {point.names[worst]} is "
            f"{few:.3g} and {many:.3g}",
        )


def _claims(tested: Tensor) -> Tensor:
    """Return the coordinates of the gradient that are claimed, and the objective, whose bias vanishes with theirs."""
    return torch.cat([tested[:-1], torch.ones(1, dtype=torch.bool)])


def _draws(estimator: Estimator, point: Point, samples: int) -> Draws:
    return Draws(point.task, estimator, point.x, samples)
