"""Under which conditions the recorded error of a moment is all the error that there is."""

from functools import cache
from typing import Final

import torch

from bench.compare.matching import MeasuredCell, Row
from bench.errors import UsageError
from bench.machine.streams import seeded
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import parse_spec

_NO_DATA: Final = "none"


def same_point(base: MeasuredCell, new: MeasuredCell, step: int) -> bool:
    """Return whether two cells of one seed were measured at the same parameters, with the same estimator state.

    So it is before training, and on a shared trajectory unless the estimator keeps a state of its own, which comes
    from its own training.
    """
    if base.row["task_version"] != new.row["task_version"]:
        return False
    if step == 0:
        return True
    return base.row["measurement_at"] == "shared" and _stateless(base.row) and _stateless(new.row)


def seed_free(cell: MeasuredCell, step: int) -> bool:
    """Return whether the point of measurement does not depend on the seed: no data, and fixed initial parameters."""
    if step > 0 or cell.row["dataset"] != _NO_DATA:
        return False
    return _fixed_start("task", *_named(cell.row, "task")) and _fixed_start("estimator", *_named(cell.row, "estimator"))


def _named(row: Row, kind: str) -> tuple[str, str]:
    return row[kind], row[f"{kind}_parameters"]


def _stateless(row: Row) -> bool:
    module = _build("estimator", *_named(row, "estimator"), 0)
    return module is not None and not module.state_dict()


@cache
def _fixed_start(kind: str, name: str, parameters: str) -> bool:
    built = [_build(kind, name, parameters, seed) for seed in (0, 1)]
    if built[0] is None or built[1] is None:
        return False
    states = [module.state_dict() for module in built if module is not None]
    return all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@cache
def _build(kind: str, name: str, parameters: str, seed: int) -> torch.nn.Module | None:
    """Return the task or estimator, or None where it cannot be built here, so that nothing is assumed of it."""
    try:
        with seeded(torch.device("cpu"), seed):
            return (TASKS if kind == "task" else ESTIMATORS).build(parse_spec(f"{name}({parameters})"))
    except UsageError:
        return None
