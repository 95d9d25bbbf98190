"""Where numbers come from: runs, versions and machines, what was done about it, and where cells are apart in it."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from bench import escaping
from bench.names.commands import once_more
from bench.names.registry import TASKS
from bench.report.tables import Entry, Table, plain_table
from bench.results.differing import SOFTWARE
from bench.results.frames import grouped, records, where
from bench.results.look import counted
from bench.results.naming import briefly
from bench.results.tables import Results

_WHAT: Final = {
    "varbench": "varbench",
    "python": "Python",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "git_commit": "commit",
    "cpu": "processor",
    "gpu": "GPU",
}
_COMMIT: Final = 12
"""Letters of a commit that tell it from others."""
_UNKNOWN: Final = "not on record"


def runs_table(results: Results) -> Table:
    """Return a line per run that cells here are of, with what it ran on."""
    cells = Counter(results.final["run"])
    headers = ["run", "cells", "began (UTC)", "varbench", "PyTorch", "NumPy", "Python", "system", "processor", "cores"]
    runs = [run for run in records(results.runs) if cells[run.run]]
    has_gpu = any(_has(run.gpu) for run in runs)
    lines = [
        [
            run.run,
            cells[run.run],
            str(run.started)[:16].replace("T", " "),
            _version(run),
            run.torch,
            run.numpy,
            run.python,
            run.system,
            run.cpu,
            f"{run.cores}, {run.threads} {'thread' if run.threads == 1 else 'threads'}",
            *([run.gpu if _has(run.gpu) else ""] if has_gpu else []),
        ]
        for run in runs
    ]
    headers += ["GPU"] if has_gpu else []
    unknown = sum(cells.values()) - sum(cells[run.run] for run in runs)
    notes = [f"the note of the run is missing for {counted(unknown, 'cell')}"] if unknown else []
    return plain_table("Runs", headers, _as_text(lines), notes)


def _as_text(lines: Sequence[Sequence[object]]) -> list[list[object]]:
    """Return lines whose first entries, ids that begin with digits, are sorted as text."""
    return [[Entry(escaping.line(str(first))), *more] for first, *more in lines]


def _version(run: object) -> str:
    """Return the version of varbench, with the commit where it is known."""
    commit, version = getattr(run, "git_commit", None), str(getattr(run, "varbench", ""))
    if not _has(commit):
        return version
    changed = " with changes" if getattr(run, "git_dirty", False) is True else ""
    return f"{version}, commit {str(commit)[:_COMMIT]}{changed}"


def commands(results: Results) -> list[str]:
    """Return the commands that made the cells, oldest first, each once; a program's own runs have none."""
    there = set(results.final["run"])
    runs = [run for run in records(results.runs) if run.run in there]
    found = (once_more(shlex.split(str(run.argv)), Path("results")) for run in runs)
    return list(dict.fromkeys(escaping.line(command) for command in found if command))


def installations(results: Results) -> list[str]:
    """Return the commands that install what the runs had, one per combination of versions."""
    there = set(results.final["run"])
    runs = [run for run in records(results.runs) if run.run in there]
    versions = ([("varbench", run.varbench), ("torch", run.torch), ("numpy", run.numpy)] for run in runs)
    return list(dict.fromkeys(_installing(of_run) for of_run in versions))


def _installing(versions: Sequence[tuple[str, str]]) -> str:
    # What stands behind a plus, as in 2.13.0+cpu, is for which machine it was built.
    words = (shlex.quote(f"{name}=={version.partition('+')[0]}") for name, version in versions)
    return escaping.line(f"pip install {' '.join(words)}")


def apart(results: Results) -> list[str]:
    """Return in sentences what runs differ in whose cells are compared here, on one task."""
    runs = {run.run: run for run in records(results.runs)}
    found = []
    for (task, parameters), of_task in grouped(results.final, "task", "task_parameters"):
        name = task_name(str(task), str(parameters))
        known = where(of_task, of_task["run"].isin(list(runs)))
        for what in SOFTWARE:
            counts = Counter(_value(runs[run], what) for run in known["run"])
            if len(counts) > 1:
                words = ", ".join(f"{value} ({counted(count, 'cell')})" for value, count in counts.items())
                found.append(escaping.line(f"{name}: cells differ in {_WHAT[what]}: {words}"))
        for what, kind in (("task_version", "version of the task"), ("device", "device"), ("dtype", "dtype")):
            counts = Counter(str(value) for value in of_task[what])
            if len(counts) > 1:
                words = ", ".join(f"{value} ({counted(count, 'cell')})" for value, count in counts.items())
                found.append(escaping.line(f"{name}: cells differ in {kind}: {words}"))
    return found


def task_name(task: str, parameters: str) -> str:
    """Return a task as people write it, as text that obeys nothing."""
    return escaping.line(briefly(TASKS, task, parameters))


def _value(run: object, what: str) -> str:
    value = getattr(run, what)
    if not _has(value):
        return _UNKNOWN
    return str(value)[:_COMMIT] if what == "git_commit" else str(value)


def _has(value: object) -> bool:
    return value is not None and not pd.isna(value)  # pyright: ignore[reportGeneralTypeIssues, reportArgumentType, reportCallIssue] - one value
