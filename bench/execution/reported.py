"""`bench run --report`: what was run, as one HTML file in the results folder."""

from pathlib import Path

from bench.errors import BenchError
from bench.execution.asked import Asked
from bench.execution.console import Console
from bench.results.leftovers import REPORT
from bench.results.tables import Results


def ran_report(results: Results, asked: Asked, messages: Console) -> list[Path]:
    """Write the report of results into the results folder, if that was asked for, and return its file.

    A report that cannot be written is no failure.
    """
    if not asked.report or results.final.empty:
        return []
    from bench.report.page import write_report

    file = asked.out / REPORT
    try:
        write_report(results, file, [asked.out], lambda text: messages.warn(text, ""))
    except BenchError as error:
        messages.warn(f"no report: {error}", "")
        return []
    return [file]
