"""`bench status`: what is done, running, interrupted, failed or unreadable."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click

from bench.errors import ResultsError
from bench.names.commands import with_folder, with_out
from bench.results.render import render
from bench.results.store import CELL_FOLDER, RECORD, Store, is_running, read_begun, read_record
from bench.settings import Cell


class _Line(NamedTuple):
    task: str
    estimator: str
    samples: str
    seed: str
    state: str
    detail: str


@dataclass(frozen=True)
class _Found:
    """One cell's folder: what is known of the cell, and the invocation that ran it."""

    folder: Path
    state: str
    detail: str
    cell: Cell | None = None
    run: str | None = None


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Results folder.",
)
def status(out: Path) -> None:
    """List the cells of a results folder: done, running, interrupted, diverged, failed or unreadable."""
    if out.exists() and not out.is_dir():
        raise ResultsError(f"{out} is not a folder: give the one that `bench run --out` wrote to")
    store = Store(out)
    found = [_find(folder) for folder in store.cell_folders()]
    if not found:
        click.echo(f"no cells in {out}", err=True)
        command = with_out("bench run --task gaussian-quadratic --estimator reinforce", out)
        click.echo(f"next: `{command}`", err=True)
        return
    settings = _settings_apart([one.cell for one in found if one.cell is not None])
    lines = sorted(_line(one, settings) for one in found)
    click.echo(render("", ["task", "estimator", "K", "seed", "state", ""], lines, "text", keys=4))
    states = Counter(one.state for one in found)
    click.echo(", ".join(f"{count} {state}" for state, count in states.most_common()), err=True)
    click.echo(f"next: {_next(found, states, store)}", err=True)


def _find(folder: Path) -> _Found:
    try:
        record = read_record(folder / RECORD)
    except ResultsError as error:
        return _Found(folder, "unreadable", str(error))
    running = is_running(folder)
    if record is None:
        begun = read_begun(folder)
        state, detail = ("running", "") if running else ("interrupted", _checkpoint_age(folder))
        return _Found(folder, state, detail, begun and begun.cell, begun and begun.run)
    if running:
        return _Found(folder, "running", "", record.cell)
    detail = record.reason or f"{record.started}, took {record.seconds:.0f} s"
    return _Found(folder, record.status, detail, record.cell, record.run)


def _settings_apart(cells: Sequence[Cell]) -> dict[str, str]:
    """Return by a cell's id the settings in which it differs from others of the same task, estimator and K."""
    configurations = {replace(cell, seed=0).id: cell for cell in cells}.values()
    names = {(str(cell.task_spec), str(cell.estimator_spec), cell.samples) for cell in configurations}
    if len(names) == len(configurations):
        return {}
    from bench.results.columns import NAMED
    from bench.results.naming import settings_apart
    from bench.results.tables import settings_table

    texts = settings_apart(settings_table(cells), *NAMED)
    return {cell.id: "".join(f" {text}" for text in texts[place]) for place, cell in enumerate(cells)}


def _line(found: _Found, settings: Mapping[str, str]) -> _Line:
    name = CELL_FOLDER.fullmatch(found.folder.name)
    assert name is not None
    task, estimator = found.folder.parent.name, name["estimator"]
    if found.cell is not None:
        task, estimator = str(found.cell.task_spec), f"{found.cell.estimator_spec}{settings.get(found.cell.id, '')}"
    return _Line(task, estimator, name["samples"], name["seed"], found.state, found.detail)


def _checkpoint_age(folder: Path) -> str:
    try:
        written = (folder / "checkpoint.pt").stat().st_mtime
    except FileNotFoundError:
        return "before its first checkpoint"
    return f"last checkpoint {datetime.fromtimestamp(written, UTC).isoformat(timespec='seconds')}"


def _next(found: Sequence[_Found], states: Counter[str], store: Store) -> str:
    if states["interrupted"]:
        return _continuing([one.run for one in found if one.state == "interrupted"], store)
    if states["unreadable"]:
        return "the same `bench run` sets unreadable records aside and runs their cells again"
    if states["failed"]:
        return "the same `bench run` with `--rerun failed`"
    if states["running"] == states.total():
        return f"`{with_out('bench status', store.folder)}` again, when they are done"
    return f"`{with_folder('bench table', store.folder)}`"


def _continuing(interrupted: Sequence[str | None], store: Store) -> str:
    """Return which commands continue cells, given the invocations that ran them; None where that is unknown."""
    commands = {run.run: shlex.join(run.argv) for run in store.runs("skip")}
    known = dict.fromkeys(f"`{commands[run]}`" for run in interrupted if run in commands)
    unknown = sum(run not in commands for run in interrupted)
    if not known:
        return "the `bench run` that was interrupted, once more; which command that was is not on record"
    rest = f"; of {unknown} interrupted cells the command is not on record" if unknown else ""
    return f"{' and '.join(known)}, once more: {'it continues' if len(known) == 1 else 'they continue'}{rest}"
