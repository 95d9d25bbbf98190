"""`varbench.plot`: what `bench plot` draws, as a figure of matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.given import results_of, words
from bench.api.progress import warn
from bench.errors import ResultsError, UsageError
from bench.figures import KINDS
from bench.figures.output import is_standard_output
from bench.figures.page import Page
from bench.figures.wanted import Wanted, format_of
from bench.figures.write import drawn, write_pages
from bench.results.tables import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(
    kind: str,
    results: Results | Path | str | None = None,
    out: Path | str | None = None,
    *,
    style: str = "neurips",
    columns: int = 2,
    tasks: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    samples: int | Sequence[int] = (),
    groups: str | Sequence[str] = (),
    step: int | None = None,
    select: str | Sequence[str] = (),
    select_by: str | None = None,
    data: bool = False,
) -> "Figure":
    """Return a figure of results, as `bench plot` draws it: a notebook shows it, and `out` keeps it.

    Args:
        kind: `bench plot --help` lists them: variance, elbo, final, tradeoff, ...
        results: what `run` or `load` returned, or a folder; by default `results`, except for kinds that draw their own
            task.
        out: a file, with its provenance, as PDF, SVG or PNG by its ending.
        style: size and fonts of a venue.
        columns: 1 or 2 of a page's two.
        tasks: only these; so are `estimators` and `samples`.
        estimators: likewise.
        samples: numbers K, likewise.
        groups: parameter groups, such as guide, model or all.
        step: moments at this training step; by default the last one measured.
        select: settings of which each estimator is shown at its best value.
        select_by: what they are chosen by.
        data: whether to write the rows shown, too, beside `out` with the ending .csv.

    Raises:
        UsageError: there is no such kind, venue or name; they do not go together; or the figure takes several pages.
        ResultsError: there is nothing to show, or the file cannot be written.

    >>> import varbench
    >>> figure = varbench.plot("variance", varbench.load("results"), out="variance.pdf", groups="all")
    >>> len(figure.axes)
    1
    """
    file = Path(out) if out is not None else None
    form = format_of(file, None)
    if data and (file is None or is_standard_output(file)):
        raise UsageError("data=True writes a second file beside the figure: name the first with out=")
    chosen = [samples] if isinstance(samples, int) else samples
    wanted = Wanted(kind, words(tasks), words(estimators), chosen, words(groups), step, words(select), select_by)
    found, told = None, list[str]()
    if KINDS[kind].task is None or results is not None:
        found = results_of("results" if results is None else results)
        if found.final.empty:
            raise ResultsError("these results have no cells: varbench.run makes some")
        found, told = wanted.of(found, warn)
    else:
        wanted.require_own()
    page = Page(style, columns, note="; ".join(told))
    of = drawn(kind, found, page, wanted.groups)
    pages = of[1]
    if len(pages) > 1:
        raise UsageError(
            f"the figure takes {len(pages)} pages: choose fewer lines with tasks, estimators, samples or groups, or "
            "let varbench.figures.pages lay it out"
        )
    if file is not None:
        write_pages(kind, found, of, file, form, page, data)
    return pages[0][1]
