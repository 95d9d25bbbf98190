"""Which of several estimates is best, and whether that is more than chance."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import ndtr, stdtr

LEVEL: Final = 0.05
"""Probability with which some estimate is called best where all are equal."""


def significantly_best(
    values: Sequence[float], errors: Sequence[float], counts: Sequence[int], better: int
) -> int | None:
    """Return the place of the best value, or None where it is not significantly better than every other.

    It is compared with each other by Welch's t, one-sided, at 5% after Bonferroni's correction for the number of
    others; values with infinitely many degrees of freedom (`counts` of 0: a measured standard error) by the normal.

    Args:
        values: the means.
        errors: their standard errors; NaN where there is none, as for a single seed.
        counts: seeds that each is a mean of, or 0 where the error was measured.
        better: +1 where more is better, −1 where less is, 0 where that is unknown.

    >>> from bench.tables import significantly_best
    >>> significantly_best([87.0, 4.0, 5.0], [1.0, 0.1, 0.1], [5, 5, 5], better=-1)
    1
    >>> significantly_best([87.0, 4.0, 5.0], [1.0, 2.0, 2.0], [5, 5, 5], better=-1)
    """
    known = [place for place, value in enumerate(values) if math.isfinite(value)]
    if better == 0 or len(known) < 2:
        return None
    best = max(known, key=lambda place: better * values[place])
    others = [place for place in known if place != best]
    p_values = [_p_value(values, errors, counts, best, other, better) for other in others]
    return best if max(p_values) * len(others) < LEVEL else None


def _p_value(
    values: Sequence[float], errors: Sequence[float], counts: Sequence[int], best: int, other: int, better: int
) -> float:
    """Return the probability of such a lead where there is none; 1 where an error is unknown."""
    total = math.hypot(errors[best], errors[other])
    lead = better * (values[best] - values[other])
    if not math.isfinite(total) or lead <= 0:
        return 1.0
    if total == 0:
        return 0.0
    degrees = np.array([count - 1 if count else np.inf for count in (counts[best], counts[other])])
    shares = (np.array([errors[best], errors[other]], dtype=float) / total) ** 2
    spread = float(np.sum(shares**2 / degrees))
    t = lead / total
    return float(ndtr(-t)) if spread == 0 else float(stdtr(1 / spread, -t))
