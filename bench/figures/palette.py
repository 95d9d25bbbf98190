"""The colour and marker of an estimator: the same in every figure, by its seat."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from zlib import crc32

from estimators import SEATS

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
_DISTINCT: Final = len(COLOURS) * len(MARKERS)
"""Places after which colour and marker are the same again."""
LINES: Final[tuple[str | tuple[float, tuple[float, ...]], ...]] = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (4, 1, 1, 1)))
_FILLINGS: Final = ((True, "full"), (False, "full"), (True, "left"), (True, "bottom"))
_OPACITY: Final = 0.5
_SIZE: Final = 3.5

_GROUP_COLOURS: Final = {"all": "#1A1A1A", "guide": "#004488", "model": "#D55E00"}


class Look(NamedTuple):
    """How one line of a figure is drawn; of an estimator's several lines, the first is solid, with filled markers.

    Attributes:
        filled: whether markers are, or white.
        size: of markers that stand alone, in points; see `marker_sizes`.
        part: of a marker that is filled, as matplotlib calls it.
    """

    colour: str
    marker: str
    line: str | tuple[float, tuple[float, ...]]
    filled: bool
    size: float = _SIZE
    part: str = "full"

    @property
    def markers(self) -> dict[str, Any]:
        """Return what matplotlib draws the markers with: one can be seen through another in the same place."""
        return {
            "marker": self.marker,
            "fillstyle": self.part,
            "markerfacecolor": (self.colour if self.filled else "white", _OPACITY),
            "markerfacecoloralt": ("white", _OPACITY),
            "markeredgecolor": self.colour,
        }


class Looks:
    """The looks of the estimators of one figure: by their seats, and no two of them the same."""

    def __init__(self, estimators: Iterable[str]) -> None:
        self._places: dict[str, int] = {}
        taken: set[int] = set()
        for name in sorted(set(estimators), key=lambda name: (name not in SEATS, SEATS.get(name, 0), name)):
            # Somebody else's estimator has no seat, but a name that stays; whoever comes later gives way.
            place = SEATS[name] if name in SEATS else crc32(name.encode())
            while place % _DISTINCT in taken and len(taken) < _DISTINCT:
                place += 1
            taken.add(place % _DISTINCT)
            self._places[name] = place

    def __call__(self, estimator: str, variant: int = 0) -> Look:
        """Return the look of the `variant`-th configuration of an estimator, counted from 0."""
        place = self._places[estimator]
        filled, part = _FILLINGS[variant % len(_FILLINGS)]
        return Look(
            COLOURS[place % len(COLOURS)],
            MARKERS[place % len(MARKERS)],
            LINES[variant % len(LINES)],
            filled,
            part=part,
        )


def look(estimator: str, variant: int = 0) -> Look:
    """Return the look of an estimator where no other takes it; see `Looks`."""
    return Looks([estimator])(estimator, variant)


def marker_sizes(samples: Iterable[int]) -> dict[int, float]:
    """Return the size in points of the markers of each K in a figure: the more samples, the bigger."""
    return {count: _SIZE + min(place, 5) for place, count in enumerate(sorted(set(samples)))}


def group_look(group: str) -> Look:
    """Return the look of a parameter group, where the groups of one estimator share a panel."""
    fixed = list(_GROUP_COLOURS)
    place = fixed.index(group) if group in fixed else crc32(group.encode())
    return Look(_GROUP_COLOURS.get(group, COLOURS[place % len(COLOURS)]), MARKERS[place % len(MARKERS)], "-", True)
