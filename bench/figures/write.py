"""From results to files: rows, figure, provenance."""

from collections.abc import Sequence
from pathlib import Path

from bench.figures import draw, rows
from bench.figures.page import Format, Page
from bench.figures.save import provenance, save, save_rows
from bench.results.tables import Results


def write(
    kind: str,
    results: Results | None,
    file: Path,
    form: Format,
    page: Page,
    groups: Sequence[str] = (),
    data: bool = False,
) -> list[Path]:
    """Draw a kind of figure into a file, and its rows into a CSV file beside it; return what was written.

    Raises:
        UsageError, ResultsError: see `bench.figures.rows` and `bench.figures.draw`; or a file cannot be written.
    """
    shown = rows(kind, results, groups)
    figure = draw(kind, shown, page)
    save(figure, file, form, page, provenance(kind, results, shown, page))
    if not data:
        return [file]
    table = file.with_suffix(".csv")
    save_rows(shown, table)
    return [file, table]
