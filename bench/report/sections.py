"""A section per task: its tables, its figures, and what a reader of its numbers should know."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import escaping
from bench.errors import ResultsError
from bench.figures.palette import Looks
from bench.names.registry import TASKS
from bench.report.drawn import Drawn
from bench.report.kinds import KINDS, Frames, drawn, frames_of
from bench.report.origins import task_name
from bench.report.tables import Table, bests, table_of
from bench.results.frames import grouped, where
from bench.results.look import counted
from bench.results.summary import GRADIENT_METRICS, final_blocks, gradient_blocks, usual_groups
from bench.results.tables import Results

Key = tuple[str, str]
"""A task's name and its parameters, as the tables have them."""


@dataclass(frozen=True)
class Section:
    """What is shown of a task.

    Attributes:
        name: of the task.
        anchor: where it is in the page.
        about: in one line.
        gradients: tables of moments, one per parameter group.
        final: the table of final values.
        figures: what there is to see.
        missing: why there is no figure of some kinds.
        notes: of its cells, with how many have each.
    """

    name: str
    anchor: str
    about: str
    gradients: Sequence[Table]
    final: Table | None
    figures: Sequence[Drawn]
    missing: Sequence[str]
    notes: Sequence[str]


def sections(results: Results, anchors: Mapping[Key, str], link: Callable[[str], str]) -> list[Section]:
    """Return a section per task.

    Args:
        results: of all tasks: what is said of biases is corrected for their number.
        anchors: of tasks.
        link: from a configuration to its estimator.
    """
    groups = usual_groups(results)
    best = bests(results, groups)
    measured = gradient_blocks(results, GRADIENT_METRICS, groups) if len(results.gradients) else []
    gradients = _by_task([table_of(block, best, link) for block in measured])
    finals = _by_task([table_of(block, best, link) for block in final_blocks(results)])
    frames = frames_of(results)
    looks = Looks(map(escaping.line, results.final["estimator"]))
    return [
        Section(
            task_name(*key),
            anchors[key],
            _about(key),
            gradients.get(key, []),
            next(iter(finals.get(key, [])), None),
            *_figures(frames, set(of_task["configuration"]), looks),
            _notes(of_task),
        )
        for key, of_task in grouped(results.final, "task", "task_parameters")
    ]


def _by_task(tables: Sequence[Table]) -> dict[Key, list[Table]]:
    found: dict[Key, list[Table]] = {}
    for table in tables:
        if table.of is not None:
            found.setdefault(table.of.task, []).append(table)
    return found


def _figures(frames: Frames, configurations: set[str], looks: Looks) -> tuple[list[Drawn], list[str]]:
    """Return the figures of a task, and why others are missing."""
    figures, missing = [], []
    for kind in KINDS:
        frame = frames[kind]
        if isinstance(frame, str):
            missing.append(frame)
            continue
        rows = where(frame, frame["configuration"].isin(list(configurations)))
        try:
            figures += [drawn(kind, rows, looks)] if len(rows) else []
        except ResultsError as error:
            missing.append(str(error))
    return figures, missing


def _about(key: Key) -> str:
    """Return the line that `bench list` has of a task of ours."""
    return TASKS.entries[key[0]].summary if TASKS.is_ours(key[0]) and key[0] in TASKS.entries else ""


def _notes(of_task: pd.DataFrame) -> list[str]:
    """Return the notes of cells, those of most first."""
    said: Counter[str] = Counter(note for notes in of_task["notes"] for note in _each(notes))
    return [f"{escaping.line(note)} ({counted(cells, 'cell')})" for note, cells in said.most_common()]


def _each(notes: Any) -> list[str]:
    """Return the notes of a cell, each once."""
    return list(dict.fromkeys(notes.split(" · "))) if isinstance(notes, str) else []
