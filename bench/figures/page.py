"""Sizes and fonts of a venue, without LaTeX: what tueplots says, with fonts that this machine has."""

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, NamedTuple, final

import matplotlib as mpl
import seaborn as sns
from matplotlib import font_manager
from matplotlib.figure import Figure
from tueplots import figsizes, fontsizes

from bench.errors import UsageError, did_you_mean

_INCH: Final = 72.27
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_SCREEN: Final = 150
"""Dots per inch of a figure in a notebook."""
_LOWEST: Final = 1.25
"""Inches of a row of panels with its axis labels."""
_TIMES: Final = ("Times New Roman", "Times", "TeX Gyre Termes", "Nimbus Roman", "STIXGeneral")
_MODERN: Final = ("CMU Serif", "Latin Modern Roman", "STIXGeneral")
_SANS: Final = ("Roboto Condensed", "Helvetica", "Arial", "TeX Gyre Heros", "Nimbus Sans", "DejaVu Sans")


class Crowded(UsageError):
    """A figure does not fit on a page; `bench.figures.pages` lays it out over several."""


class _Venue(NamedTuple):
    """`size(part)` gives tueplots' settings for a part of the text width."""

    size: Callable[[float], dict[str, Any]]
    fontsize: Callable[[], Any]
    fonts: tuple[str, ...]
    text_height: float
    """In inches: no figure is taller."""


def _icml(part: float) -> dict[str, Any]:
    return figsizes.icml2024_full() if part == 1 else figsizes.icml2024_half()


_VENUES: Final[dict[str, _Venue]] = {
    "neurips": _Venue(lambda part: figsizes.neurips2024(rel_width=part), fontsizes.neurips2024, _TIMES, 9.0),
    "icml": _Venue(_icml, fontsizes.icml2024, _TIMES, 9.0),
    "iclr": _Venue(lambda part: figsizes.iclr2024(rel_width=part), fontsizes.iclr2024, _TIMES, 9.0),
    "tmlr": _Venue(lambda part: figsizes.tmlr2023(rel_width=part), fontsizes.tmlr2023, _MODERN, 9.0),
    "jmlr": _Venue(lambda part: figsizes.jmlr2001(rel_width=part), fontsizes.jmlr2001, _MODERN, 8.5),
    "slides": _Venue(lambda part: figsizes.beamer_169(rel_width=part), fontsizes.beamer, _SANS, 9.0),
}
STYLES: Final = tuple(_VENUES)

Format = Literal["pdf", "svg", "png"]
FORMATS: Final[tuple[Format, ...]] = ("pdf", "svg", "png")


@final
class _Drawn(Figure):
    """A figure that a notebook shows, whatever backend it has; matplotlib's own is shown by that of a notebook only."""

    def __init__(self, page: "Page", **how: Any) -> None:
        super().__init__(**how)
        self._page = page

    def _repr_png_(self) -> bytes:
        drawn = io.BytesIO()
        with self._page.settings():
            self.savefig(drawn, format="png", dpi=_SCREEN)
        return drawn.getvalue()


@dataclass(frozen=True)
class Page:
    """Where a figure is to stand: a venue, and one of a page's two columns or both.

    In a venue with a single column, `columns=1` is half of its width, for two figures side by side.

    Attributes:
        style: the venue.
        columns: how many of the two.
        height: inches that a figure may have, by default those of the venue's text.
        estimators: all that are shown on the pages of one figure, on each of which they look the same.
        samples: all K that are.
        note: what is said below each figure, whatever it says itself.
    """

    style: str = "neurips"
    columns: int = 2
    height: float | None = None
    estimators: tuple[str, ...] = ()
    samples: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.style not in _VENUES:
            hint = did_you_mean(self.style, _VENUES) or "; there are " + ", ".join(_VENUES)
            raise UsageError(f"there is no style '{self.style}'{hint}")
        if self.columns not in (1, 2):
            raise UsageError(f"a figure spans 1 or 2 columns, not {self.columns}")

    @property
    def width(self) -> float:
        """Return the width of a figure in inches."""
        return self._size["figure.figsize"][0]

    @property
    def small(self) -> float:
        """Return the size of legends and tick labels in points."""
        return _VENUES[self.style].fontsize()["legend.fontsize"]

    @property
    def characters(self) -> int:
        """Return how many small characters fit on a line."""
        wide = 0.6 if _VENUES[self.style].fonts is _SANS else 0.44
        return int(self.width * _INCH / (wide * self.small))

    @property
    def _size(self) -> dict[str, Any]:
        return _VENUES[self.style].size(self.columns / 2)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Draw and save with this page's fonts, sizes and line widths."""
        fonts = _installed(_VENUES[self.style].fonts)
        ours: Any = {
            **sns.axes_style("ticks"),
            **_VENUES[self.style].fontsize(),
            # Concrete names, and only those that are here: matplotlib warns about each that it does not find. STIX and
            # DejaVu follow for the single characters that a font lacks.
            "font.family": list(dict.fromkeys([*fonts, "STIXGeneral", "DejaVu Sans"])),
            "mathtext.fontset": "dejavusans" if _VENUES[self.style].fonts is _SANS else "stix",
            "text.usetex": False,
            "pdf.fonttype": 42,
            "ps.fonttype": 42,
            "svg.fonttype": "path",
            "svg.hashsalt": "varbench",
            "savefig.bbox": None,
            "savefig.dpi": 300,
            "axes.linewidth": 0.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlepad": 3.0,
            "axes.labelpad": 2.0,
            "axes.labelsize": self.small + 1,
            "axes.titlesize": self.small + 1,
            "xtick.major.width": 0.5,
            "ytick.major.width": 0.5,
            "xtick.minor.width": 0.35,
            "ytick.minor.width": 0.35,
            "xtick.major.size": 2.5,
            "ytick.major.size": 2.5,
            "xtick.minor.size": 1.5,
            "ytick.minor.size": 1.5,
            "xtick.major.pad": 2.0,
            "ytick.major.pad": 2.0,
            "lines.linewidth": 1.0,
            "lines.markersize": 3.5,
            "lines.markeredgewidth": 0.5,
            "patch.linewidth": 0.5,
            "legend.frameon": False,
            "legend.handlelength": 2.2,
            "legend.columnspacing": 1.2,
            "legend.handletextpad": 0.4,
            "legend.borderaxespad": 0.2,
        }
        with mpl.rc_context(ours):
            yield

    def figure(self, rows: int, columns: int, legend_lines: int = 0, height: float | None = None) -> Figure:
        """Return an empty figure for a grid of panels, with room for a legend below.

        Args:
            rows: of panels.
            columns: of panels.
            legend_lines: lines of small text below the panels.
            height: of one row of panels in inches; by default in golden proportion, axis labels included.

        Raises:
            Crowded: the page is not tall enough.
        """
        legend = legend_lines * 1.35 * self.small / _INCH
        most = _VENUES[self.style].text_height if self.height is None else self.height
        usual = min(_GOLDEN * self.width / columns, 2.2) + 0.35
        # Many rows of panels are lower, to stay on the page.
        panel = height if height is not None else max(_LOWEST, min(usual, (most - legend) / rows))
        total = rows * panel + legend
        if total > most:
            raise Crowded("so many panels or lines do not fit on one page: `bench.figures.pages` takes several")
        figure = _Drawn(self, figsize=(self.width, total), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.04)  # pyright: ignore
        return figure


@cache
def _installed(fonts: tuple[str, ...]) -> list[str]:
    known = set(font_manager.get_font_names())
    return [font for font in fonts if font in known][:1]
