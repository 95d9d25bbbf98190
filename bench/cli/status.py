"""`bench status`: what is done, running, interrupted, limited, failed, unreadable or not begun."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import click

from bench.cli.numbers import Finite
from bench.cli.output import FORMAT, print_json
from bench.cli.watch import counts, watch_cells
from bench.errors import CellsFailed, ResultsError, UsageError
from bench.escaping import echo
from bench.names.commands import once_more, with_folder, with_out
from bench.names.spec import spanned
from bench.results.apart import told_apart
from bench.results.order import by_number, place
from bench.results.standing import Known, Standing, State, standings
from bench.results.store import Store, ignored, locate
from bench.results.text import counted, folded, terminal_width, text_table, wrapped

_HEADERS: Final = ("estimator", "K", "seeds", "state", "took", "started (UTC)")
_UP_TO_STATE: Final = 4
_EXPLAINED: Final[tuple[State, ...]] = ("unreadable", "failed", "diverged", "limited", "interrupted")
_MOST_EXPLAINED: Final = 10


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="A results folder, as for `bench run --out`.")
@click.option("--watch", is_flag=True, help="Keep looking until no cell is left to run.")
@click.option("--every", type=Finite(0.1), default=2.0, show_default=True, help="Seconds between looks with --watch.")
@FORMAT
def status(
    results: tuple[Path, ...], out: Path | None, watch: bool, every: float, form: Literal["text", "json"]
) -> None:
    """Show the state of the cells in RESULTS: results folders, or tasks or cells in them (default: results).

    A cell is done, running, interrupted, limited (by --time-limit or --memory-limit), diverged, failed or unreadable;
    or not begun, if a run planned it but has left no trace of it. Parameters at their defaults are left out.

    With --watch a terminal shows how many cells have got how far, and which are running or went wrong, until none is
    running, interrupted or not begun; elsewhere it prints a line per change.

    Exit codes: 0 nothing failed; 3 cells have failed; 5 a folder is missing, or records cannot be read; 130 --watch
    was interrupted.
    """
    if watch and form == "json":
        raise UsageError("--watch is for people, and --format json for programs: give only one of them")
    folders = [*results, *([out] if out is not None else [])] or [Path("results")]
    located = [_locate(folder) for folder in folders]
    before: Known = {}

    def look() -> list[tuple[Store, list[Standing]]]:
        return [(store, list(standings(store, below, before))) for store, below in located]

    is_told = watch and watch_cells(lambda: _ordered(look()), every, _in_brief)
    known = look()
    ordered = _ordered(known)
    if form == "json":
        print_json(_as_json(ordered))
    elif ordered and not is_told:
        echo(_as_text(ordered))
    if not ordered:
        echo(f"no cells in {', '.join(map(str, folders))}", err=True)
    for line in dict.fromkeys(_next(found, store) for store, found in known):
        echo(f"next: {line}", err=True)
    click.get_current_context().exit(_exit_code({one.state for one in ordered}))


def _ordered(known: Sequence[tuple[Store, Sequence[Standing]]]) -> list[Standing]:
    return sorted({one.folder.resolve(): one for _, found in known for one in found}.values(), key=_order)


def _locate(folder: Path) -> tuple[Store, Path | None]:
    if not folder.exists():
        command = with_out("bench run --task gaussian-quadratic --estimator reinforce", folder)
        raise ResultsError(f"{folder} does not exist: `{command}` makes it")
    return locate(folder)


def _exit_code(states: set[State]) -> int:
    if "unreadable" in states:
        return ResultsError.exit_code
    return CellsFailed.exit_code if "failed" in states else 0


def _order(one: Standing) -> tuple[object, ...]:
    name = one.estimator.partition("(")[0]
    return by_number(one.task), place(name), by_number(one.estimator), one.samples, one.seed, one.folder


def _as_json(found: Sequence[Standing]) -> dict[str, object]:
    return {
        "states": Counter(one.state for one in found),
        "cells": [
            {
                "folder": str(one.folder),
                "state": one.state,
                "task": one.task,
                "estimator": one.estimator,
                "samples": one.samples,
                "seed": one.seed,
                "reason": one.reason or None,
                "traceback": one.log and str(one.log),
                "started": one.started,
                "seconds": one.seconds,
                "run": one.run,
            }
            for one in found
        ],
    }


def _as_text(found: Sequence[Standing]) -> str:
    """Return a table per task, what the cells without a result say, and how many there are of each state."""
    return "\n\n".join([*_tables(found), *_explanations(found), counts(found)])


def _tables(found: Sequence[Standing]) -> list[str]:
    """Return a table per task."""
    settings = told_apart([one.cell for one in found if one.cell is not None])
    by_task: dict[str, dict[tuple[str, str, str], list[Standing]]] = {}
    for one in found:
        name = f"{one.estimator}{settings.get(one.cell.id, '') if one.cell else ''}"
        # Seeds that fare alike share a line.
        by_task.setdefault(one.task, {}).setdefault((name, str(one.samples), one.state), []).append(one)
    return [_table(task, [_line(*key, alike) for key, alike in groups.items()]) for task, groups in by_task.items()]


def _in_brief(found: Sequence[Standing]) -> str:
    """Return how many cells are how far, and the table of those that are running or went wrong."""
    shown = [one for one in found if one.state not in ("done", "not begun")]
    return "\n\n".join([counts(found) or "no cells yet", *_tables(shown), *_explanations(shown)])


def _table(task: str, lines: Sequence[Sequence[str]]) -> str:
    """Return the table of a task, without times where there is no room for them beside the names."""
    whole = text_table(task, _HEADERS, lines, width=sys.maxsize)
    if max(map(len, whole.splitlines())) <= terminal_width():
        return whole
    return text_table(task, _HEADERS[:_UP_TO_STATE], [line[:_UP_TO_STATE] for line in lines], keys=3)


def _line(name: str, samples: str, state: str, alike: Sequence[Standing]) -> list[str]:
    seconds = [one.seconds for one in alike if one.seconds is not None]
    started = min((one.started for one in alike if one.started), default="")
    return [name, samples, spanned([one.seed for one in alike]), state, _took(seconds), started[:16].replace("T", " ")]


def _took(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    low, high = f"{min(seconds):.0f}", f"{max(seconds):.0f}"
    return f"{low} s" if low == high else f"{low}–{high} s"


def _explanations(found: Sequence[Standing]) -> list[str]:
    """Return a paragraph for each cell without a result: why, and where to read more."""
    unclear = sorted((one for one in found if one.state in _EXPLAINED), key=lambda one: _EXPLAINED.index(one.state))
    paragraphs = []
    for one in unclear[:_MOST_EXPLAINED]:
        lines = [wrapped(f"{one.state}: {one.task} · {one.estimator} · K={one.samples} · seed {one.seed}")]
        lines += [folded(f"  {one.reason}", 2)]
        lines += [f"  {one.log} has the traceback"] if one.log else []
        paragraphs.append("\n".join(lines))
    more = len(unclear) - _MOST_EXPLAINED
    return paragraphs + ([f"and {more} more; --format json has all"] if more > 0 else [])


def _next(found: Sequence[Standing], store: Store) -> str:
    """Return what to do about the cells of a results folder, the most urgent first."""
    folder = store.folder
    if not found:
        return f"`{with_out('bench run --task gaussian-quadratic --estimator reinforce', folder)}`"
    by_state: dict[State, list[Standing]] = {}
    for one in found:
        by_state.setdefault(one.state, []).append(one)
    notes = {run.run: run.argv for run in store.runs(ignored)}
    if "interrupted" in by_state:
        return _again(
            by_state["interrupted"], notes, folder, "it continues where it was", "they continue where they were"
        )
    if "unreadable" in by_state:
        if not all(one.mended for one in by_state["unreadable"]):
            return "see above about the records that cannot be read"
        return _again(by_state["unreadable"], notes, folder, *("unreadable records are set aside and made again",) * 2)
    if "failed" in by_state:
        return _again(by_state["failed"], notes, folder, "", "", "--rerun failed")
    if "running" in by_state:
        return f"`{with_folder('bench status', folder)}` again, when they are done"
    if "not begun" in by_state:
        return _again(by_state["not begun"], notes, folder, "it runs what is left", "they run what is left")
    if "limited" in by_state:
        return _again(
            by_state["limited"], notes, folder, *("limited cells continue if a limit is higher, or gone",) * 2
        )
    return f"`{with_folder('bench table', folder)}`"


def _again(
    cells: Sequence[Standing], notes: Mapping[str, Sequence[str]], folder: Path, one: str, several: str, *more: str
) -> str:
    """Return which commands are to be run again for some cells, and what they do; or that this is not known."""
    commands = {run: once_more(argv, folder, *more) for run, argv in notes.items()}
    runs = [commands.get(cell.run) if cell.run else None for cell in cells]
    known = dict.fromkeys(f"`{command}`" for command in runs if command is not None)
    unknown = sum(command is None for command in runs)
    if not known:
        what = ", ".join(["the command that made them again", *(f"with {option}" for option in more)])
        return f"{what}; it is not on record"
    does = one if len(known) == 1 else several
    rest = f"; the command of {counted(unknown, 'cell')} is not on record" if unknown else ""
    return f"{' and '.join(known)}{' again: ' if does else ''}{does}{rest}"
