"""The colour and marker of an estimator: no two the same within a figure, and its seat's own wherever that is free."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from estimators import SEATS

# Some of the colours of Okabe & Ito and of Tol, far apart for dichromats too; neighbours in the registry, which are
# relatives, differ in lightness too.
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
_FILLINGS: Final = ((True, "full"), (False, "full"), (True, "left"), (True, "bottom"))
_OPACITY: Final = 0.5
_SIZE: Final = 3.5
_LIGHTEST: Final = 0.5
"""How much of the way to white the fewest samples go."""

_SEEN: Final = 0.25
"""Luminance from which on a line has a contrast of 4.5 : 1 with a dark ground, that of #181b20."""

_GROUP_COLOURS: Final = {"all": "#1A1A1A", "guide": "#004488", "model": "#D55E00"}


class Look(NamedTuple):
    """How one line of a figure is drawn; of an estimator's several lines, the first is solid, with filled markers.

    Attributes:
        filled: whether markers are, or white.
        size: of markers that stand alone, in points; see `sizes`.
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
    """The looks of the estimators of one figure.

    Ten have a colour each and nine a marker each: that of their seat, or the next that is free where an estimator
    before them in the registry has taken it. Of more, those that share a colour differ in their marker.
    """

    def __init__(self, estimators: Iterable[str]) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        colours, markers, pairs = Counter[int](), Counter[int](), Counter[tuple[int, int]]()
        for name in sorted(set(estimators), key=lambda name: (name not in SEATS, SEATS.get(name, 0), name)):
            # Somebody else's estimator has no seat, but a name that stays; whoever comes later gives way.
            seat = SEATS[name] if name in SEATS else crc32(name.encode())
            colour = _least(colours, seat, len(COLOURS))
            free = Counter({place: count + len(pairs) * pairs[colour, place] for place, count in markers.items()})
            marker = _least(free, seat, len(MARKERS))
            colours[colour] += 1
            markers[marker] += 1
            pairs[colour, marker] += 1
            self._places[name] = (colour, marker)

    def __call__(self, estimator: str, variant: int = 0) -> Look:
        """Return the look of the `variant`-th configuration of an estimator, counted from 0."""
        colour, marker = self._places[estimator]
        filled, part = _FILLINGS[variant % len(_FILLINGS)]
        return Look(COLOURS[colour], MARKERS[marker], LINES[variant % len(LINES)], filled, part=part)


def _least(taken: Counter[int], first: int, count: int) -> int:
    """Return which of `count` places has been taken least often: the first such from a place on, round the circle."""
    return min(range(count), key=lambda place: (taken[place], (place - first) % count))


def on_dark(colour: str) -> str:
    """Return a colour that is seen on a dark ground: itself, or as much of the way to white as it takes.

    >>> from bench.figures.palette import on_dark
    >>> on_dark("#E69F00"), on_dark("#1A1A1A")
    ('#e69f00', '#8c8c8c')
    """
    rgb, way = np.array(to_rgb(colour)), 0.0
    while _luminance(rgb + way * (1 - rgb)) < _SEEN:
        way += 0.05
    red, green, blue = rgb + way * (1 - rgb)
    return to_hex((red, green, blue))


def _luminance(rgb: np.ndarray) -> float:
    """Return how light a colour is, as WCAG 2 has it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def look(estimator: str, variant: int = 0) -> Look:
    """Return the look of an estimator where no other takes it; see `Looks`."""
    return Looks([estimator])(estimator, variant)


class Sized(NamedTuple):
    """How the markers of one K differ from those of another: the more samples, the bigger and the darker."""

    size: float
    lightness: float

    def of(self, style: Look) -> Look:
        """Return a look at this K."""
        red, green, blue = (part + self.lightness * (1 - part) for part in to_rgb(style.colour))
        return style._replace(size=self.size, colour=to_hex((red, green, blue)))


def sizes(samples: Iterable[int]) -> dict[int, Sized]:
    """Return size and shade of the markers of each K in a figure."""
    counts = sorted(set(samples))
    last = max(len(counts) - 1, 1)
    return {
        count: Sized(_SIZE + min(place, 5), _LIGHTEST * (len(counts) - 1 - place) / last)
        for place, count in enumerate(counts)
    }


def group_look(group: str) -> Look:
    """Return the look of a parameter group, where the groups of one estimator share a panel."""
    fixed = list(_GROUP_COLOURS)
    place = fixed.index(group) if group in fixed else crc32(group.encode())
    return Look(_GROUP_COLOURS.get(group, COLOURS[place % len(COLOURS)]), MARKERS[place % len(MARKERS)], "-", True)
