"""How many samples an estimator gets so that it evaluates the model as often as the others."""

import math
from collections.abc import Callable
from typing import Final

_FEW: Final = 16
"""Up to so many numbers of samples are all tried."""


def matched(counted: Callable[[int], float | None], least: int, wanted: int) -> tuple[int, float] | None:
    """Return K and the evaluations of one gradient with it, as near to those that are wanted as can be.

    Nearness is that of logarithms; of equals the cheaper one is taken, and of those that cost the same the fewest
    samples. None where no K fits.

    Args:
        counted: returns the evaluations per datapoint with K samples, or None where the estimator does not take K.
        least: the fewest samples that it is defined for.
        wanted: evaluations.

    >>> from bench.advise.matched import matched
    >>> matched(lambda samples: 2.0 * samples, 1, 4), matched(lambda samples: 8.0, 1, 4)
    ((2, 4.0), (1, 8.0))
    """
    if wanted >= least and counted(wanted) == wanted:
        return wanted, float(wanted)
    found = [(samples, counted(samples)) for samples in _tried(least, wanted)]
    known = [(samples, count) for samples, count in found if count is not None]
    return min(known, key=lambda one: (_distance(one[1], wanted), one[1], one[0]), default=None)


def _distance(count: float, wanted: int) -> float:
    return round(abs(math.log(count / wanted)), 9) if count > 0 else math.inf


def _tried(least: int, wanted: int) -> list[int]:
    """Return numbers of samples up to the one beyond which each costs more than is wanted; the fewest in any case."""
    if wanted - least < _FEW:
        return [*range(least, max(least, wanted) + 1)]
    # Costs are nearly multiples of K: those that fit lie near whole parts of what is wanted.
    parts = {wanted // part + more for part in range(1, _FEW + 1) for more in (0, -1)}
    return sorted({least, *(samples for samples in parts if least <= samples <= wanted)})
