"""`bench status`: what is done, running, interrupted, failed or unreadable."""

import shlex
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click

from bench.errors import ResultsError
from bench.results.render import render
from bench.results.store import CELL_FOLDER, RECORD, Store, is_running, read_record


class _Line(NamedTuple):
    task: str
    estimator: str
    samples: str
    seed: str
    state: str
    detail: str


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
    lines = [_line(folder) for folder in store.cell_folders()]
    if not lines:
        click.echo(f"no cells in {out}", err=True)
        click.echo(f"next: `bench run --task gaussian-quadratic --estimator reinforce{_out(out)}`", err=True)
        return
    click.echo(render("", ["task", "estimator", "K", "seed", "state", ""], sorted(lines), "text"))
    states = Counter(line.state for line in lines)
    click.echo(", ".join(f"{count} {state}" for state, count in states.most_common()), err=True)
    click.echo(f"next: {_next(states, store)}", err=True)


def _line(folder: Path) -> _Line:
    name = CELL_FOLDER.fullmatch(folder.name)
    assert name is not None
    task, estimator = folder.parent.name, name["estimator"]
    try:
        record = read_record(folder / RECORD)
    except ResultsError as error:
        return _Line(task, estimator, name["samples"], name["seed"], "unreadable", str(error))
    if record is not None:
        task, estimator = str(record.cell.task_spec), str(record.cell.estimator_spec)
    state, detail = ("running", "") if is_running(folder) else ("interrupted", _checkpoint_age(folder))
    if record is not None and state != "running":
        state, detail = record.status, record.reason or f"{record.started}, took {record.seconds:.0f} s"
    return _Line(task, estimator, name["samples"], name["seed"], state, detail)


def _checkpoint_age(folder: Path) -> str:
    try:
        written = (folder / "checkpoint.pt").stat().st_mtime
    except FileNotFoundError:
        return "before its first checkpoint"
    return f"last checkpoint {datetime.fromtimestamp(written, UTC).isoformat(timespec='seconds')}"


def _next(states: Counter[str], store: Store) -> str:
    if states["interrupted"]:
        commands = [shlex.join(run.argv) for run in store.runs("skip")]
        last = f"; the last one was `{commands[-1]}`" if commands else ""
        return f"the `bench run` that was interrupted, once more: it continues{last}"
    if states["unreadable"]:
        return "the same `bench run` sets unreadable records aside and runs their cells again"
    if states["failed"]:
        return "the same `bench run` with `--rerun failed`"
    if states["running"] == states.total():
        return f"`bench status{_out(store.folder)}` again, when they are done"
    return f"`bench table{'' if store.folder == Path('results') else f' {store.folder}'}`"


def _out(folder: Path) -> str:
    return "" if folder == Path("results") else f" --out {folder}"
