"""The overview of a report: what was run, how its cells ended, and why some have no result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pandas as pd

from bench import escaping
from bench.names.spec import spanned
from bench.report.origins import apart, commands, installations, runs_table, task_name
from bench.report.tables import Entry, Table, plain_table
from bench.results import look
from bench.results.frames import distinct, grouped, records, where
from bench.results.naming import spelled
from bench.results.tables import Results

STATUSES: Final = ("done", "diverged", "limited", "failed")
_MEANS: Final = {
    "done": "trained and measured to the end",
    "diverged": "training met a NaN or an infinity; what was measured before that counts",
    "limited": "stopped at a limit of time or memory; can be continued",
    "failed": "ended with an error",
}


class Count(NamedTuple):
    """How many cells ended in a way."""

    status: str
    cells: int
    means: str


@dataclass(frozen=True)
class Overview:
    """What a report begins with.

    Attributes:
        summary: in one line.
        period: from when to when.
        counts: of cells by how they ended.
        tasks: a line per task.
        unfinished: a line per cell, or seeds, without a result; None where there are none.
        runs: a line per run.
        commands: that make the same cells.
        installations: commands that install what was used.
        apart: sentences about cells that are compared although they have different versions or machines.
        selection: sentences about the cells that were chosen for the report; none where all are in it.
    """

    summary: str
    period: str
    counts: Sequence[Count]
    tasks: Table
    unfinished: Table | None
    runs: Table
    commands: Sequence[str]
    installations: Sequence[str]
    apart: Sequence[str]
    selection: Sequence[str]


def overview(results: Results, links: Mapping[tuple[str, str], str], selection: Sequence[str] = ()) -> Overview:
    """Return the overview; `links` lead to tasks, by name and parameters; `selection` says which cells were chosen."""
    counts = Counter(results.final["status"])
    started = sorted(str(one)[:10] for one in results.final["started"])
    return Overview(
        look.text(results).removeprefix("Results: "),
        started[0] if started[0] == started[-1] else f"{started[0]} to {started[-1]}",
        [Count(status, counts[status], _MEANS[status]) for status in STATUSES],
        _tasks(results.final, links),
        _unfinished(results.final, links),
        runs_table(results),
        commands(results),
        installations(results),
        apart(results),
        [escaping.line(sentence) for sentence in selection],
    )


def _tasks(final: pd.DataFrame, links: Mapping[tuple[str, str], str]) -> Table:
    headers = ["task", "estimators", "K", "seeds", "steps", "cells", *(f"{status}" for status in STATUSES)]
    lines = []
    for (task, parameters), of_task in grouped(final, "task", "task_parameters"):
        ended = Counter(of_task["status"])
        lines.append(
            [
                Entry(task_name(task, parameters), link=links[task, parameters]),
                len(of_task.drop_duplicates(["estimator", "estimator_parameters"])),
                ", ".join(str(count) for count in sorted(distinct(of_task, "samples"))),
                spanned(sorted(distinct(of_task, "seed"))),
                ", ".join(str(count) for count in sorted(distinct(of_task, "training_steps"))),
                len(of_task),
                *(Entry(str(ended[status]), float(ended[status]), status * bool(ended[status])) for status in STATUSES),
            ]
        )
    return plain_table("Tasks, and how their cells ended", headers, lines)


def _unfinished(final: pd.DataFrame, links: Mapping[tuple[str, str], str]) -> Table | None:
    """Return a line per configuration and reason of the cells without a result."""
    names = spelled(final)
    lost = where(final, final["status"] != "done")
    lines = []
    for (task, parameters, configuration, status), alike in grouped(
        lost, "task", "task_parameters", "configuration", "status"
    ):
        for reason, of_reason in _by_reason(alike).items():
            seeds = spanned(sorted(row.seed for row in of_reason))
            estimator = Entry(escaping.line(names[configuration]))
            task_entry = Entry(task_name(task, parameters), link=links[task, parameters])
            lines.append([task_entry, estimator, of_reason[0].samples, seeds, Entry(status, mark=status), reason])
    if not lines:
        return None
    return plain_table(
        "Cells without a result, and why", ["task", "estimator", "K", "seeds", "status", "reason"], lines
    )


def _by_reason(alike: pd.DataFrame) -> dict[str, list]:
    found: dict[str, list] = {}
    for row in records(alike):
        found.setdefault("" if pd.isna(row.reason) else str(row.reason), []).append(row)
    return found
