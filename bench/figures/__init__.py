"""Figures of results, ready for a paper: one file per kind, and what they share.

A kind is a module of this package with two functions: `rows(results, groups)` returns the frame that is shown, and
`draw(rows, page)` draws it. `figure(kind, results)` does both:

>>> import varbench
>>> results = varbench.load("results")
>>> varbench.figures.figure("variance", results, style="icml", columns=1).savefig("variance.pdf")

`pages` splits what does not fit on one page over several.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bench import escaping
from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from bench.figures.page import Page
    from bench.results.tables import Results


class Kind(NamedTuple):
    """What a kind of figure shows.

    Attributes:
        summary: in a few words.
        by_group: whether it is about parameter groups.
        parts: columns of its rows, by which it is laid out over pages; by the later ones where it has to be.
        task: the one that it draws without any results.
    """

    summary: str
    by_group: bool
    parts: tuple[str, ...] = ("panel",)
    task: str | None = None


KINDS: Final[dict[str, Kind]] = {
    "variance": Kind("gradient variance against training step", True),
    "elbo": Kind("objective against training step, seconds and evaluations", False),
    "final": Kind("final ELBO and log-likelihood with intervals over seeds", False, ("panel", "metric")),
    "tradeoff": Kind("squared bias against variance, with lines of equal MSE", True),
    "frontier": Kind("variance against cost, with the Pareto front", True),
    "scaling": Kind("bias, variance and SNR against K, with fitted slopes", True, ("panel", "metric")),
    "matrix": Kind("estimators × tasks: variance at equal time, relative to the best", True, ("group", "panel")),
    "training": Kind("everything about a run, a page for each", True, ("configuration",)),
    "evidence": Kind("log p(x) and ELBO against a parameter, such as a degree", False),
    "weights": Kind("importance weights against log weights, on lecture-weights", False, (), "lecture-weights"),
    "em": Kind("log p(x) = ELBO + KL before and after E and M steps, on ppca", False, (), "ppca"),
}


def rows(kind: str, results: "Results | None", groups: Sequence[str] = ()) -> "pd.DataFrame":
    """Return the rows that a figure shows, one per drawn point; `groups` are parameter groups, by default φ and θ.

    >>> import varbench
    >>> shown = varbench.figures.rows("variance", varbench.load("results"))
    >>> sorted(shown["estimator"].unique())
    ['reinforce', 'reparam']

    Raises:
        UsageError: there is no such kind, or the results are not of the sort that it shows.
        ResultsError: the results hold nothing that it could show.
    """
    return _module(kind).rows(results, groups)


def draw(kind: str, shown: "pd.DataFrame", page: "Page") -> "Figure":
    """Return the figure of rows that `rows` returned.

    >>> import varbench
    >>> from bench.figures.page import Page
    >>> shown = varbench.figures.rows("variance", varbench.load("results"))
    >>> varbench.figures.draw("variance", shown, Page("icml", 1)).savefig("variance.pdf")

    Raises:
        UsageError: there is no such kind, or the figure does not fit on one page; see `pages`.
    """
    from bench.figures.grid import wrap_texts

    shown_on = replace(page, estimators=tuple(map(escaping.figure, page.estimators)))
    with page.settings():
        drawn: Figure = _module(kind).draw(escaping.texts(shown, escaping.figure), shown_on)
        wrap_texts(drawn, page)
        for axes in drawn.axes:
            # A name with its unit below is one label; STIX would set its lines apart.
            axes.xaxis.label.set_linespacing(1.0)
            axes.yaxis.label.set_linespacing(1.0)
        return drawn


def pages(kind: str, shown: "pd.DataFrame", page: "Page") -> "list[Figure]":
    """Return the figure of rows that `rows` returned, laid out over as many pages as it takes.

    >>> import varbench
    >>> from bench.figures.page import Page
    >>> shown = varbench.figures.rows("training", varbench.load("results"))
    >>> for number, drawn in enumerate(varbench.figures.pages("training", shown, Page()), start=1):
    ...     drawn.savefig(f"training-{number}.pdf")

    Raises:
        UsageError: there is no such kind.
    """
    from bench.figures.paging import laid_out

    return [drawn for _, drawn in laid_out(kind, shown, page)]


def figure(
    kind: str, results: "Results", style: str = "neurips", columns: int = 2, groups: Sequence[str] = ()
) -> "Figure":
    """Return a figure of results, in the size and the fonts of a venue; `columns` is 1 or 2 of a page's two.

    >>> import varbench
    >>> varbench.figures.figure("elbo", varbench.load("results"), style="icml").savefig("elbo.pdf")

    Raises:
        UsageError, ResultsError: see `rows` and `draw`.
    """
    from bench.figures.page import Page

    return draw(kind, rows(kind, results, groups), Page(style, columns))


def _module(kind: str) -> Any:
    if kind not in KINDS:
        raise UsageError(f"there is no figure '{kind}'{did_you_mean(kind, KINDS) or '; there are ' + ', '.join(KINDS)}")
    return import_module(f"bench.figures.{kind}")
