"""From results to files: rows, figure, provenance."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.errors import UsageError
from bench.figures import rows
from bench.figures.output import STANDARD_OUTPUT
from bench.figures.page import Format, Page
from bench.figures.paging import laid_out
from bench.figures.save import provenance, save, save_rows
from bench.results.tables import Results

Drawn = tuple[pd.DataFrame, list[tuple[pd.DataFrame, Figure]]]
"""The rows of a figure, and the rows and the figure of each of its pages."""


def drawn(kind: str, results: Results | None, page: Page, groups: Sequence[str] = ()) -> Drawn:
    """Return a kind of figure, laid out over as many pages as it takes.

    Raises:
        UsageError, ResultsError: see `bench.figures.rows`.
    """
    shown = rows(kind, results, groups)
    return shown, laid_out(kind, shown, page)


def write(
    kind: str,
    results: Results | None,
    file: Path,
    form: Format,
    page: Page,
    groups: Sequence[str] = (),
    data: bool = False,
) -> list[Path]:
    """Draw a kind of figure and write it; see `drawn` and `write_pages`."""
    return write_pages(kind, results, drawn(kind, results, page, groups), file, form, page, data)


def write_pages(
    kind: str,
    results: Results | None,
    of: Drawn,
    file: Path,
    form: Format,
    page: Page,
    data: bool = False,
) -> list[Path]:
    """Write what `drawn` returned into a file, and its rows into a CSV file beside it; return what was written.

    What takes several pages goes into as many files: of `figure.pdf`, `figure-1.pdf`, `figure-2.pdf` and so on.

    Raises:
        UsageError: it takes several files, and `file` is none.
        ResultsError: a file cannot be written.
    """
    shown, pages = of
    if len(pages) > 1 and (file == STANDARD_OUTPUT or (file.exists() and not file.is_file())):
        raise UsageError(
            f"the figure takes {len(pages)} files, but {file} is not a file: name one with --out, or choose fewer "
            f"lines with "
            "--task, --estimator, --samples or --group"
        )
    files = [file] if len(pages) == 1 else [file.with_stem(f"{file.stem}-{number + 1}") for number in range(len(pages))]
    for path, (on_page, figure) in zip(files, pages, strict=True):
        save(figure, path, form, page, provenance(kind, results, on_page, page))
    if not data:
        return files
    table = file.with_suffix(".csv")
    save_rows(shown, table)
    return [*files, table]
