"""`bench reference`: do gradient moments on small tasks agree with those stored in the repository?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bench.cli import completion
from bench.cli.numbers import Whole
from bench.cli.output import FORMAT, print_json
from bench.escaping import echo
from bench.names.commands import KEPT_MOMENTS, with_kept_moments

if TYPE_CHECKING:
    from bench.regression.check import Change
    from bench.regression.moments import Moment

_SHARE = 0.25


@click.command()
@click.option("--write", is_flag=True, help="Measure in full and store the result.")
@click.option(
    "--estimator",
    "estimators",
    multiple=True,
    shell_complete=completion.estimators,
    help="Only this estimator; repeatable.  [default: all]",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=KEPT_MOMENTS,
    show_default=True,
    help="Folder with moments.csv.",
)
@click.option("--seed", type=Whole(), default=1, show_default=True, help="Seed of the replicates of a check.")
@click.option(
    "--require",
    type=Whole(),
    default=1,
    show_default=True,
    help="Fail unless this many rows were compared, and some for each --estimator; 0 asks for nothing.",
)
@FORMAT
def reference(
    write: bool, estimators: tuple[str, ...], folder: Path, seed: int, require: int, form: Literal["text", "json"]
) -> None:
    """Compare the gradient moments of every estimator on small tasks with moments.csv, or --write that file.

    A check takes a quarter of the replicates. It fails, with exit code 1, if a mean or a variance has changed (a false
    alarm in at most one check in 1000), if an estimator has no moments there, or if nothing was measured.

    \b
    bench reference
    bench reference --write --estimator reinforce-loo
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are
    from bench.names.registry import ESTIMATORS
    from bench.regression.check import changes, compared, uncovered, unmeasured
    from bench.regression.table import FILE, read_table, write_table
    from bench.results.text import counted, folded

    names = [ESTIMATORS.resolve(name) for name in estimators] or ESTIMATORS.everything()
    kept = [] if write and not (estimators and (folder / FILE).exists()) else read_table(folder)
    fresh = _measure(names, 1.0 if write else _SHARE, 0 if write else seed)
    without = [name for name in names if all(moment.estimator != name for moment in fresh)]
    missed = [f"{name} fits none of the small tasks, so it was not measured" for name in without if estimators]
    missed = missed if require else []
    if write:
        path = write_table(folder, [moment for moment in kept if moment.estimator not in names] + fresh)
        if form == "json":
            print_json({"file": str(path), "rows": len(fresh)})
        else:
            echo(f"{path}: {counted(len(fresh), 'row')} written")
        _end(missed, bool(missed))
        echo(f"next: `{with_kept_moments('bench reference', folder)}` checks them with other draws", err=True)
        return
    changed, missing, rows = changes(kept, fresh), uncovered(kept, fresh), compared(kept, fresh)
    for name, tasks in unmeasured(kept, fresh, names).items():
        missed.append(f"{name} was not measured on {', '.join(tasks)}, which has stored moments: it no longer fits")
    if rows < require and not missed:
        missed.append(f"--require asks for {counted(require, 'compared row')}, found {rows}")
    if form == "json":
        content = {"changed": [_as_json(one) for one in changed], "missing": missing, "rows": len(fresh)}
        print_json(content | {"compared": rows, "unmeasured": without, "missed": missed})
    else:
        _print(changed, missing, folder)
        alone = counted(len(missing), "estimator")
        echo(
            f"{counted(len(changed), 'moment')} changed, {alone} without moments; {counted(len(fresh), 'row')} measured"
        )
        echo(f"{counted(rows, 'row')} of {counted(len(names) - len(without), 'estimator')} compared")
        if without:
            echo(folded(f"Not measured, since they fit none of the small tasks: {', '.join(without)}", 2))
    _end(missed, bool(changed or missing or missed))


def _end(missed: Sequence[str], fails: bool) -> None:
    """Say what was not covered, and leave with code 1 where a check fails."""
    from bench.results.text import folded

    for sentence in missed:
        echo(folded(f"fails: {sentence}", 2), err=True)
    if fails:
        click.get_current_context().exit(1)


def _as_json(change: "Change") -> dict[str, object]:
    kept = change.kept
    return {
        "task": kept.task,
        "estimator": kept.estimator,
        "samples": kept.samples,
        "group": kept.group,
        "moment": change.moment,
        "before": change.before,
        "after": change.after,
        "p_adjusted": change.p,
    }


def _print(changed: "Sequence[Change]", missing: Sequence[str], folder: Path) -> None:
    from bench.regression.table import FILE

    for change in changed:
        echo(str(change))
    for name in missing:
        add = with_kept_moments(f"bench reference --write --estimator {name}", folder)
        echo(f"{name}: not in {folder / FILE}; `{add}` adds it")


def _measure(names: list[str], share: float, seed: int) -> "list[Moment]":
    from rich.progress import track

    from bench.execution.console import Console
    from bench.regression.moments import fitting, measure_moments, points, ready

    work = [(point, name) for point in points() for name in fitting(point, names)]
    console = Console(stderr=True)
    moments = []
    for point, name in track(work, "measure", console=console, transient=True, disable=not console.is_terminal):
        moments += measure_moments(point, name, ready(name, point), share, seed)
    return moments
