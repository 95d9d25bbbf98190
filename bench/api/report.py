"""`varbench.report`: what `bench report` writes."""

from pathlib import Path

from bench.api.given import results_of
from bench.api.progress import warn
from bench.report.scripts import require_report
from bench.results.tables import Results


def report(results: Results | Path | str = "results", out: Path | str = "report.html") -> Path:
    """Write results as one HTML file that needs nothing else, as `bench report` does, and return where.

    It takes `pip install 'varbench[report]'`.

    Args:
        results: what `run` or `load` returned, or a folder, whose verdicts of `bench check --out` are shown, too.
        out: the file; one of that name is replaced.

    Raises:
        UsageError: the packages that it takes are not installed.
        ResultsError: there is nothing to report, or a file cannot be read or written.

    >>> import varbench
    >>> file = varbench.report(varbench.load("results"), "report.html")
    >>> file.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    require_report()
    from bench.report.page import write_report

    folders = () if isinstance(results, Results) else (Path(results),)
    write_report(results_of(results), Path(out), folders, warn)
    return Path(out)
