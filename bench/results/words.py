"""What stands in the cells of a table: words, and estimates with their errors."""

import math
from typing import NamedTuple

from bench.results.digits import Rounded, plus_minus, rounded


class Estimate(NamedTuple):
    """A value ± its standard error, which may be NaN: unknown. The best is set in bold."""

    value: float
    se: float
    best: bool = False

    def plain(self) -> str:
        """Return `1.23 ± 0.04`, with a power of ten where that is needed."""
        return plus_minus(self.value, self.se)

    def parts(self) -> Rounded:
        """Return value, error and power as siunitx is to read them.

        With a power where digits before the point are rounded: `24700(5400)` would be read as 24700.5400.
        """
        value, error, power = rounded(self.value, self.se)
        if not error or "." in error or float(error) < 100:
            return Rounded(value, error, power)
        more = len(value.lstrip("-")) - 1
        places = max(0, more - len(error) + 2)
        return Rounded(f"{float(value) / 10**more:.{places}f}", f"{float(error) / 10**more:.{places}f}", power + more)

    def siunitx(self) -> str:
        r"""Return `1.23 \pm 0.04 e5`, as siunitx reads it in a column S."""
        value, error, power = self.parts()
        if not math.isfinite(self.value):
            return f"{{{value}}}"
        text = rf"{value} \pm {error}" if error else value
        text = f"{text} e{power}" if power else text
        return rf"\bfseries {text}" if self.best else text


Word = str | Estimate
