"""From results to files: rows, figure, provenance."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.figures import rows
from bench.figures.output import STANDARD_OUTPUT
from bench.figures.page import Format, Page
from bench.figures.paging import laid_out
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

    What takes several pages goes into as many files: of `figure.pdf`, `figure-1.pdf`, `figure-2.pdf` and so on.

    Raises:
        UsageError, ResultsError: see `bench.figures.rows`; or a file cannot be written.
    """
    shown = rows(kind, results, groups)
    drawn = laid_out(kind, shown, page)
    if len(drawn) > 1 and (file == STANDARD_OUTPUT or (file.exists() and not file.is_file())):
        raise UsageError(
            f"the figure takes {len(drawn)} files, and {file} is none: name one with --out, or choose fewer lines with "
            "--task, --estimator, --samples or --group"
        )
    files = [file] if len(drawn) == 1 else [file.with_stem(f"{file.stem}-{number + 1}") for number in range(len(drawn))]
    for path, (on_page, figure) in zip(files, drawn, strict=True):
        save(figure, path, form, page, provenance(kind, results, on_page, page))
    if not data:
        return files
    table = file.with_suffix(".csv")
    save_rows(shown, table)
    return [*files, table]
