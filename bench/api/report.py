"""`varbench.report`: what `bench report` writes."""

from collections.abc import Sequence
from pathlib import Path

from bench.api.given import results_of, words
from bench.api.progress import warn
from bench.report.scripts import require_report
from bench.results.tables import Results


def report(
    results: Results | Path | str = "results",
    out: Path | str = "report.html",
    *,
    select: str | Sequence[str] = (),
    select_by: str | None = None,
) -> Path:
    """Write results as one HTML file that needs nothing else, as `bench report` does, and return its path.

    It needs `pip install 'varbench[report]'`.

    Args:
        results: what `run` or `load` returned, or a folder, whose verdicts of `bench check --out` are shown, too.
        out: the file; an existing one is replaced.
        select: settings of which each estimator is shown at its best value.
        select_by: what they are chosen by.

    Raises:
        UsageError: the packages that it needs are not installed, or there is nothing to choose among, or by.
        ResultsError: there is nothing to report, or a file cannot be read or written.

    >>> import varbench
    >>> file = varbench.report(varbench.load("results"), "report.html")
    >>> file.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    require_report()
    from bench.report.page import write_report

    folders = () if isinstance(results, Results) else (Path(results),)
    write_report(results_of(results), Path(out), folders, warn, words(select), select_by)
    return Path(out)
