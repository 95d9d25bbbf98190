"""The note about one invocation of `bench run`, a row of the `runs` table."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.machine.info import machine_info
from bench.names.registry import ESTIMATORS, TASKS
from bench.results.schema import Planned, RunInfo
from bench.settings import Cell


def new_run(argv: Sequence[str], cells: Sequence[Cell]) -> RunInfo:
    """Return the note about this invocation of these cells, with a new id; `argv` is `sys.argv`."""
    now = datetime.now(UTC)
    # The first word is where the command is installed; undecodable bytes could not be written.
    words = [word.encode("utf-8", "backslashreplace").decode() for word in argv[1:]]
    return RunInfo(
        run=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        started=now.isoformat(timespec="seconds"),
        argv=["bench", *words],
        cells=[
            Planned(cell.folder, TASKS.brief(cell.task_spec), ESTIMATORS.brief(cell.estimator_spec)) for cell in cells
        ],
        **machine_info(),
    )
