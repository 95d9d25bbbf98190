"""Under which conditions the recorded error of a moment is all the error that there is."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import torch

from bench.compare.matching import Match, MeasuredCell, Row
from bench.errors import UsageError
from bench.machine.streams import seeded
from bench.names.registry import ESTIMATORS, TASKS, Registry
from bench.names.spec import parse_spec

_NO_DATA: Final = "none"
_KINDS: Final[Mapping[str, Registry[Any]]] = {"task": TASKS, "estimator": ESTIMATORS}


def same_point(base: MeasuredCell, new: MeasuredCell, step: int) -> bool:
    """Return whether two cells of one seed were measured at the same parameters, with the same estimator state.

    So it is before training, and on a shared trajectory unless the estimator keeps a state of its own, which comes
    from its own training.
    """
    if step == 0:
        return True
    return base.row["measurement_at"] == "shared" and _stateless(base.row) and _stateless(new.row)


def seed_free(cell: MeasuredCell, step: int) -> bool:
    """Return whether the point of measurement does not depend on the seed: no data, and fixed initial parameters."""
    if step > 0 or cell.row["dataset"] != _NO_DATA:
        return False
    return all(_is_known(cell.row, kind) and _fixed_start(kind, *_named(cell.row, kind)) for kind in _KINDS)


def unnamed_modules(experiments: Iterable[Match]) -> list[str]:
    """Return the modules of tasks and estimators that are not ours, and that no person has named.

    They are not imported, and nothing is assumed of them.
    """
    rows = [cell.row for one in experiments for side in (one.base, one.new) for cell in side.values()]
    named = {(kind, *_named(row, kind)) for row in rows for kind in _KINDS}
    return sorted({module for kind, *of in named for module in _unnamed(kind, *of) or ()})


def _is_known(row: Row, kind: str) -> bool:
    """Return whether the task or the estimator may be built: it is ours, or a person has named it."""
    return _unnamed(kind, *_named(row, kind)) == []


def _unnamed(kind: str, name: str, parameters: str) -> list[str] | None:
    """Return `Registry.unnamed`; None of a text in a record that is no name with parameters."""
    try:
        return _KINDS[kind].unnamed(parse_spec(f"{name}({parameters})"))
    except UsageError:
        return None


def _named(row: Row, kind: str) -> tuple[str, str]:
    return row[kind], row[f"{kind}_parameters"]


def _stateless(row: Row) -> bool:
    module = _build("estimator", *_named(row, "estimator"), 0) if _is_known(row, "estimator") else None
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
            return _KINDS[kind].build(parse_spec(f"{name}({parameters})"))
    except UsageError:
        return None
