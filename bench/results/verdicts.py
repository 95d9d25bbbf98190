"""Whether a bias was seen: a verdict beside its interval, corrected for how many a table has.

Of right intervals one in twenty begins above zero, and a table has dozens. A bias counts as seen where its p-value,
times the number of biases in the table (Bonferroni), is below 5%: of tables without any bias, one in twenty or fewer
has a single "biased".
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from bench.results.digits import number
from bench.results.over_seeds import Said
from bench.statistics.quantiles import LEVEL
from bench.statistics.seen import p_of_zero, would_be_seen

BIASES: Final = ("relative_bias", "bias", "bias_evidence")
"""The metrics that verdicts are about, the first of them first."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Verdict:
    """What may be said of a bias.

    Attributes:
        seen: whether there is one.
        visible: how large it would have had to be to be seen four times in five; 0 where any would have been.
        declared: whether the estimator declares that it has one.
    """

    seen: bool
    visible: float
    declared: bool = False

    @property
    def word(self) -> str:
        """Return the verdict."""
        if not self.seen:
            return "no bias seen"
        return "biased, as declared" if self.declared else "biased"

    @property
    def seen_from(self) -> str:
        """Return how large a bias has to be to be seen four times in five."""
        if self.visible == 0:
            return "any"
        return "none" if math.isinf(self.visible) else number(self.visible, 2)


def judged(
    biases: Mapping[Key, Said],
    declared: Iterable[Key] = (),
    undecided: Iterable[Key] = (),
    level: float = 1 - LEVEL,
) -> dict[Key, Verdict]:
    """Return the verdicts on the biases of one table, by key; those without an interval have none.

    Args:
        biases: with their intervals.
        declared: of estimators that declare a bias.
        undecided: those that say nothing, unless they are declared.
        level: how often a table without any bias may have a single one that counts as seen.
    """
    declared, undecided = set(declared), set(undecided)
    p_values = {key: p_of_zero(*said) for key, said in biases.items() if key in declared or key not in undecided}
    known = {key: p for key, p in p_values.items() if not math.isnan(p)}
    level = level / max(len(known), 1)
    return {
        key: Verdict(
            p < level, would_be_seen(biases[key].value, biases[key].high, level, biases[key].seeds), key in declared
        )
        for key, p in known.items()
    }
