"""The level of every interval, and the quantiles that belong to it."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

LEVEL: Final = 0.95

GROUPS: Final = 20
"""Groups of replicates. The jackknife over them gives standard errors with GROUPS − 1 degrees of freedom."""

_UPPER: Final = (1 + LEVEL) / 2

NORMAL: Final = float(ndtri(_UPPER))
"""The two-sided 95% quantile of the normal distribution, 1.96: what an estimate ± a measured standard error takes."""


def quantile(degrees: float) -> float:
    """Return the two-sided 95% quantile of Student's t; of the normal, if there are infinitely many degrees."""
    return float(quantiles(degrees))


def quantiles(degrees: ArrayLike) -> np.ndarray:
    """Return the `quantile` for each number of degrees of freedom."""
    return np.where(np.isinf(degrees), NORMAL, stdtrit(degrees, _UPPER))
