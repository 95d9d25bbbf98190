"""What to do after `bench run`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.errors import UsageError
from bench.execution.plan import Request, plan_all
from bench.figures.fitting import fitting_kind
from bench.names.commands import with_folder, with_out
from bench.names.spec import Spec
from bench.results.schema import Record

_RIVALS: Final = ("reparam", "reinforce-loo", "reinforce")


def after_run(requests: Sequence[Request], records: Sequence[Record], out: Path) -> str:
    """Return what to do next: what to compare with, the figure that fits the run, the table; or what failed."""
    shown = [record for record in records if record.status != "failed" and (record.limit is None or record.gradients)]
    if not shown:
        return f"`{with_out('bench status', out)}` for what went wrong"
    rival = _rival(requests, {record.cell.estimator for record in records})
    add = f"add `--estimator {rival}`, " if rival else ""
    drawn = out / shown[0].cell.folder if len(shown) == 1 else out
    plot, table = with_folder(f"bench plot {fitting_kind(shown)}", drawn), with_folder("bench table", out)
    return f"{add}`{plot}` or `{table}`"


def _rival(requests: Sequence[Request], estimators: set[str]) -> str | None:
    """Return whom to compare a single estimator with: one that fits all that was asked for, or none."""
    others = [name for name in _RIVALS if name not in estimators]
    if len(estimators) > 1:
        return None
    try:
        plan = plan_all([replace(request, estimators=tuple(map(Spec, others))) for request in requests])
    except UsageError:
        return None
    refused = {spec for spec, _ in plan.refused}
    return next((name for name in others if name not in refused), None)
