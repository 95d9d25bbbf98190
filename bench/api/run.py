"""`varbench.run`: what `bench run` does, from Python."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from bench.api.options import Numbers, Options, asked_for
from bench.api.progress import console
from bench.cli.blocks import doubts

if TYPE_CHECKING:
    import pandas as pd

    from bench.execution.console import Console
    from bench.execution.invocation import Asked
    from bench.execution.request import Request
    from bench.results.tables import Results
    from estimators.base import Estimator
    from tasks.base import Task

    Tasks = str | type[Task] | Task | list[str | type[Task] | Task]
    Estimators = str | type[Estimator] | Estimator | list[str | type[Estimator] | Estimator]


def run(
    tasks: "Tasks | None" = None,
    estimators: "Estimators | None" = None,
    samples: Numbers | None = None,
    seeds: Numbers | None = None,
    out: Path | str = "results",
    *,
    progress: bool = False,
    **options: Unpack[Options],
) -> "Results":
    """Train, measure and evaluate estimators on tasks, as `bench run` does, and return the tables of these cells.

    The cells are the same as the command's, with the same ids, hits and files: neither runs again what the other has
    run. Nothing is printed to stdout. Whatever a reader of the numbers should know, such as an estimator that does not
    fit, is a Python warning. Ctrl-C raises `KeyboardInterrupt`; the same call continues from the last checkpoint.

    Args:
        tasks: one or several: strings such as `vae-mnist` or `ppca(guide=shared)`; classes; or instances, which stand
            for their class and its parameters, not for what they have learned. A class defined in a notebook is
            refused, since no later run would find it.
        estimators: likewise; `all`, `discrete:*` and `reinforce*` select those that fit.
        samples: numbers K, such as 5, [1, 5] or "1,5"; by default the task's.
        seeds: training seeds, such as 0, range(5) or "0-4".
        out: the results folder.
        progress: whether to show progress: bars on the terminal's stderr, a bar in a notebook.
        options: every other option of `bench run`, with underscores for dashes; see `Options`. `config` may also be a
            dictionary with the contents of the file.

    Raises:
        UsageError: a name, an option or a value is wrong, or nothing fits.
        CellsFailed: some cells failed, or could not be measured at the requested parameters; the others are recorded.
        CellsLimited: some reached `time_limit` or `memory_limit`.
        CellBusy: with `wait=False`, another process is running some of them.
        DeviceUnavailable, DataUnavailable: this machine lacks the device, or a task's data.
        ResultsError: the folder cannot be read or written.

    >>> import varbench
    >>> estimators = ["reinforce", "reparam"]
    >>> results = varbench.run("gaussian-quadratic", estimators, samples=2, no_train=True, replicates=200)
    >>> results
    Results: 2 cells of 1 task × 2 estimators, all done
    """
    from bench.execution.ending import require_results
    from bench.execution.invocation import results_of, run_all, shown_files, warn_of_biases

    given = {"tasks": tasks, "estimators": estimators, "samples": samples, "seeds": seeds, "out": out, **options}
    with _asked(given, progress) as (requests, asked, messages):
        ran = run_all(requests, asked, messages)
        warn_of_biases(ran, messages)
        shown_files(ran, asked, messages)
    require_results(ran.plan.cells, ran.records, asked.out)
    return results_of(ran, asked)


def dry_run(
    tasks: "Tasks | None" = None,
    estimators: "Estimators | None" = None,
    samples: Numbers | None = None,
    seeds: Numbers | None = None,
    out: Path | str = "results",
    **options: Unpack[Options],
) -> "pd.DataFrame":
    """Return what `run` with the same arguments would do, a row per cell, without running or writing anything.

    Columns: `task`, `estimator`, `samples`, `seed`, `run` (whether it would run), `why`, `steps_done`, and `cell`, its
    id.

    Raises:
        UsageError, DeviceUnavailable, DataUnavailable: see `run`.

    >>> import varbench
    >>> planned = varbench.dry_run("gaussian-quadratic", "reinforce", samples=2, seeds=[0, 5], steps=20, replicates=100)
    >>> list(planned["run"])
    [True, True]
    """
    import pandas as pd

    from bench.execution.dry_run import fates
    from bench.execution.invocation import plan_and_tell
    from bench.names.registry import ESTIMATORS, TASKS

    given = {"tasks": tasks, "estimators": estimators, "samples": samples, "seeds": seeds, "out": out, **options}
    with _asked(given, progress=False) as (requests, asked, messages):
        plan = plan_and_tell(requests, asked, messages)
        rows = [
            {
                "task": TASKS.brief(fate.cell.task_spec),
                "estimator": ESTIMATORS.brief(fate.cell.estimator_spec),
                "samples": fate.cell.samples,
                "seed": fate.cell.seed,
                "run": fate.word == "run",
                "why": fate.why,
                "steps_done": fate.taken,
                "cell": fate.cell.id,
            }
            for fate in fates(plan, asked.out, asked.rerun, asked.limits)
        ]
    return pd.DataFrame(rows)


@contextmanager
def _asked(given: Mapping[str, Any], progress: bool) -> "Iterator[tuple[list[Request], Asked, Console]]":
    """Give what was asked for, and who is told what happens; what a run sets of PyTorch is put back."""
    import torch

    from bench.execution.invocation import Asked
    from bench.machine.device import tf32

    how, blocks, argv = asked_for(given)
    with console(progress) as messages:
        for doubt in doubts(blocks):
            messages.warn(doubt)
        requests = [request for block in blocks for request in block.requests()]
        devices = range(torch.cuda.device_count()) if requests[0].device == "cuda" else ()
        with tf32(requests[0].tf32), torch.random.fork_rng(devices):
            yield requests, Asked(**how, argv=argv), messages
