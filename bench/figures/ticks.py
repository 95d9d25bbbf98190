"""Ticks of logarithmic axes: few round numbers that do not overprint each other, all written in one way."""

from collections.abc import Iterable
from typing import Final, final

import numpy as np
from matplotlib.ticker import Formatter, Locator, MaxNLocator

_LEADING: Final = ((1, 2, 5), (1, 3), (1,))


def ticks(number: int, integer: bool = False) -> MaxNLocator:
    """Return at most this many intervals between ticks at round numbers."""
    return MaxNLocator(nbins=number, min_n_ticks=2, integer=integer, steps=[1, 2, 2.5, 5, 10])


@final
class LogTicks(Locator):
    """The most of 1, 2, 5 or 1, 3 or 1 times powers of ten that have room; evenly spaced ones if those are too few.

    Args:
        apart: room of a label, as a share of the axis.
    """

    def __init__(self, apart: float) -> None:
        self.apart = apart

    def __call__(self) -> list[float]:
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        low, high = sorted((vmin, vmax))
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        round_numbers = [np.multiply.outer(powers, leading).ravel() for leading in _LEADING]
        shown = np.empty(0)
        for values in [*round_numbers, *(ticks(number).tick_values(low, high) for number in (4, 3, 2))]:
            shown = values[(values >= low) & (values <= high)]
            distances = np.diff(np.log10(shown)) / np.log10(high / low)
            if len(shown) > 1 and distances.min() >= self.apart:
                break
        return shown.tolist()


@final
class LogNumbers(Formatter):
    """Plain numbers, or powers of ten on an axis on which a number would be long."""

    def __init__(self) -> None:
        self.plain = True

    def set_locs(self, locs: Iterable[float]) -> None:
        self.plain = all(1e-3 <= value < 1e5 for value in locs)

    def __call__(self, x: float, pos: int | None = None) -> str:
        if self.plain:
            return f"{x:.6g}"
        mantissa, exponent = f"{x:.3e}".split("e")
        power = f"10$^{{{int(exponent)}}}$".replace("-", "−")
        return power if float(mantissa) == 1 else f"{float(mantissa):g}·{power}"
