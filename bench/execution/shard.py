"""`--shard i/n`: one part of a grid, for job arrays and CI matrices that start a command per part."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UsageError
from bench.execution.companions import BatchSeeds
from bench.settings import Cell


@dataclass(frozen=True)
class Shard:
    """The `part`-th of `parts` parts, counted from 1.

    >>> from bench.execution.shard import Shard
    >>> str(Shard.parse("2/3"))
    '2/3'
    """

    part: int
    parts: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that is written as `i/n`.

        Raises:
            UsageError: it is none.
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        part, parts = map(int, found.groups()) if found else (0, 0)
        if not 1 <= part <= parts:
            raise UsageError(f"'{text}' is not a part of a grid: give i/n with i from 1 to n, such as 1/4")
        return cls(part, parts)

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def of(self, cells: Sequence[Cell], mode: BatchSeeds) -> list[Cell]:
        """Return this part of cells, in their order.

        Every cell is in exactly one part, on whatever machine each of them is run, and seeds that may be trained in one
        step are in the same. Parts have the same number of configurations, give or take one.

        Args:
            cells: all of them.
            mode: whether seeds are trained in one step. Whether that pays is a machine's matter, and `auto` keeps them
                together in any case.
        """
        units = sorted({_unit(cell, mode) for cell in cells})
        # Ids are hashes: in their order no part has all of the slow estimators, or all of the large K.
        mine = set(units[self.part - 1 :: self.parts])
        return [cell for cell in cells if _unit(cell, mode) in mine]


def _unit(cell: Cell, mode: BatchSeeds) -> str:
    return cell.id if mode == "off" or cell.training.steps == 0 else cell.configuration
