"""The page: overview, tasks and estimators, put into one HTML file."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench import escaping
from bench.errors import ResultsError
from bench.figures.output import writing
from bench.report.charts import charts
from bench.report.estimators import anchored, articles, checks_line
from bench.report.overview import overview
from bench.report.scripts import policy, scripts, style
from bench.report.sections import sections
from bench.results.checks import Checks, read
from bench.results.frames import distinct, grouped
from bench.results.store import locate
from bench.results.tables import Results
from bench.results.text import counted
from bench.results.tuned import at_best


def page(
    results: Results, checks: Sequence[Checks] = (), now: datetime | None = None, selection: Sequence[str] = ()
) -> str:
    """Return a report as HTML.

    Args:
        results: with at least one cell.
        checks: verdicts that results folders keep.
        now: when it is made.
        selection: sentences that say which cells of a grid these are; none where they are all.

    Raises:
        ResultsError: there are no cells.
    """
    if results.final.empty:
        raise ResultsError("there are no finished cells to report: `bench run` makes some")
    # What records hold is text of strangers: the places in the page have numbers for names.
    tasks = anchored("task", [key for key, _ in grouped(results.final, "task", "task_parameters")])
    names = anchored("estimator", distinct(results.final, "estimator"))
    estimator = dict(zip(results.final["configuration"], results.final["estimator"], strict=True))
    shown = sections(results, tasks, lambda configuration: names[estimator[configuration]])
    run, look = scripts(), style()
    figures = {f"{section.anchor}-{figure.kind}": figure.content() for section in shown for figure in section.figures}
    return _template().render(
        overview=overview(results, tasks, selection),
        sections=shown,
        articles=articles(results, names, shown, checks),
        checks=checks_line(checks),
        figures={name: escaping.as_script(content) for name, content in figures.items()},
        charts=escaping.as_script(charts()),
        scripts=run,
        style=look,
        policy=policy(run, look),
        made=(now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        version=version("varbench"),
    )


def write_report(
    results: Results,
    file: Path,
    folders: Sequence[Path],
    warn: Callable[[str], object],
    selected: Sequence[str] = (),
    select_by: str | None = None,
) -> None:
    """Write a report; an existing file is replaced once everything is written.

    Args:
        results: with at least one cell.
        file: where to.
        folders: in which verdicts of `bench check --out` may be.
        warn: is told, in a sentence, of those that cannot be read, and of cells that nothing can be chosen by.
        selected: settings of which each estimator is shown at its best value.
        select_by: what they are chosen by.

    Raises:
        UsageError: there is nothing to choose among, or by.
        ResultsError: there are no cells, or the file cannot be written.
    """
    shown, selection = results, list[str]()
    if best := at_best(results, selected, select_by, warn):
        shown = best.results
        selection = [f"{len(shown.final)} of {counted(len(results.final), 'cell')} are shown", *best.notes()]
    text = page(shown, _checks(folders, warn), selection=selection)
    with writing(file) as opened:
        opened.write(text.encode("utf-8", "backslashreplace"))


def _checks(folders: Sequence[Path], warn: Callable[[str], object]) -> list[Checks]:
    found = []
    for folder in dict.fromkeys(locate(one)[0].folder for one in folders):
        try:
            found.append(read(folder))
        except ResultsError as error:
            warn(f"left out: {error}")
    return [one for one in found if one is not None]


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
