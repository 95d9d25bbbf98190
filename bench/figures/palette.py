"""The colour and marker of an estimator: the same in every figure, by its place in the registry."""

from typing import Final, NamedTuple
from zlib import crc32

from bench.registry import ESTIMATORS

# Some of the colours of Okabe & Ito and of Tol, far apart for dichromats too; neighbours in the registry, which are
# relatives, differ in lightness too. There are as many estimators as colours several times over: the marker tells apart
# those that share one, since ten and nine have no common divisor.
COLOURS: Final = (
    "#E69F00",
    "#117733",
    "#999933",
    "#D55E00",
    "#56B4E9",
    "#882255",
    "#004488",
    "#AA4499",
    "#1A1A1A",
    "#44AA99",
)
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
LINES: Final[tuple[str | tuple[float, tuple[float, ...]], ...]] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (4, 1, 1, 1)))

GROUPS: Final[dict[str, str]] = {"all": "all parameters", "guide": "guide φ", "model": "model θ"}
_GROUP_COLOURS: Final = {"all": "#1A1A1A", "guide": "#004488", "model": "#D55E00"}


class Look(NamedTuple):
    """How one line of a figure is drawn; of an estimator's several lines, the first is solid, with filled markers."""

    colour: str
    marker: str
    line: str | tuple[float, tuple[float, ...]]
    filled: bool
    size: float = 3.5
    """Of markers that stand alone, in points: it grows with K."""

    @property
    def face(self) -> str:
        """Return the colour that markers are filled with."""
        return self.colour if self.filled else "white"


def look(estimator: str, variant: int = 0) -> Look:
    """Return the look of the `variant`-th configuration of an estimator, counted from 0."""
    names = ESTIMATORS.names()
    # A `module:Class` has no place in the registry, but a name that stays.
    place = names.index(estimator) if estimator in names else crc32(estimator.encode())
    return Look(
        COLOURS[place % len(COLOURS)],
        MARKERS[place % len(MARKERS)],
        LINES[variant % len(LINES)],
        variant % 2 == 0,
        3.5 + min(variant, 5),
    )


def group_look(group: str) -> Look:
    """Return the look of a parameter group, where the groups of one estimator share a panel."""
    fixed = list(_GROUP_COLOURS)
    place = fixed.index(group) if group in fixed else crc32(group.encode())
    return Look(_GROUP_COLOURS.get(group, COLOURS[place % len(COLOURS)]), MARKERS[place % len(MARKERS)], "-", True)


def group_name(group: str) -> str:
    """Return how a parameter group is called in a figure."""
    return GROUPS.get(group, group)
