"""What differs between two records of one cell, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from bench.errors import ResultsError
from bench.results.digits import apart as told_apart
from bench.results.digits import number
from bench.results.schema import Final as FinalValues
from bench.results.schema import Record, RunInfo
from bench.results.store import Store, read_run

_OF_THE_RUN: Final = ("run", "started", "seconds")
_OF_THE_MACHINE: Final = ("seconds", "relative_cost", "work_variance", "peak_memory")
"""Metrics that come out otherwise each time that they are measured."""
_TIMES: Final = ("seconds_per_step", "seeds_together")
SOFTWARE: Final = ("varbench", "python", "torch", "numpy", "git_commit", "cpu", "gpu")
_MOST_NAMED: Final = 3


def differences(one: Record, other: Record) -> list[str]:
    """Return what differs between two records of a cell, most important first; empty where they are the same."""
    found = [
        *_of_fields(one, other, ("status", "reason", "task_source", "estimator_source")),
        *_of_final(one, other),
        *_of_rows("gradients", _moments(one), _moments(other)),
        *_of_rows("training", _steps(one), _steps(other)),
        *(["notes"] if one.notes != other.notes else []),
        *(["parameters"] if one.parameters != other.parameters else []),
        *(["datapoints"] if one.datapoints != other.datapoints else []),
    ]
    times = [
        *(name for name in _OF_THE_RUN if getattr(one, name) != getattr(other, name)),
        *(["times of training"] if _differ(_times(one), _times(other)) else []),
        *(["cost of a gradient"] if _differ(_costs(one), _costs(other)) else []),
        *(["chunk"] if one.chunk != other.chunk else []),
    ]
    if not times:
        return found
    return [*found, f"{'' if found else 'the numbers are the same; '}{', '.join(times)}"]


def software_apart(one: Store, run: str, other: Store, of_other: str) -> list[str]:
    """Return by which versions, and on what, two invocations differ, as far as their notes are there to say."""
    notes = [_note(one, run), _note(other, of_other)]
    if notes[0] is None or notes[1] is None:
        return []
    return _of_fields(notes[0], notes[1], SOFTWARE)


def _note(store: Store, run: str) -> RunInfo | None:
    try:
        return read_run(store.run_path(run))
    except ResultsError:
        return None


def _of_fields(one: object, other: object, names: tuple[str, ...]) -> list[str]:
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in names]
    return [f"{name}: {_pair(here, there)}" for name, here, there in pairs if here != there]


def _of_final(one: Record, other: Record) -> Iterator[str]:
    if one.final is None or other.final is None:
        if one.final is not other.final:
            yield "final values: none and some" if one.final is None else "final values: some and none"
        return
    names = [field.name for field in fields(FinalValues) if field.name not in _TIMES]
    apart = [name for name in names if not _equal(getattr(one.final, name), getattr(other.final, name))]
    if apart:
        yield _listed("final values", _of_values(apart, vars(one.final), vars(other.final)), len(apart), len(names))


def _of_rows(what: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """Give how many values of a table differ, and the first of them."""
    names = list(dict.fromkeys([*one, *other]))
    apart = [name for name in names if not _equal(one.get(name), other.get(name))]
    if apart:
        yield _listed(what, _of_values(apart, one, other), len(apart), len(names))


def _of_values(names: list[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [f"{name} {_pair(one.get(name), other.get(name))}" for name in names[:_MOST_NAMED]]


def _listed(what: str, named: list[str], apart: int, known: int) -> str:
    more = f", and {apart - len(named)} more" if apart > len(named) else ""
    return f"{what}: {apart} of {known} differ: {'; '.join(named)}{more}"


def _moments(record: Record) -> dict[str, Any]:
    rows = [row for row in record.gradients if row.metric not in _OF_THE_MACHINE]
    return {
        f"{row.metric}{f' of {row.group}'} at step {row.step}{part}": value
        for row in rows
        for part, value in (("", row.value), (" (se)", row.se), (" (replicates)", row.n))
    }


def _costs(record: Record) -> dict[str, Any]:
    rows = [row for row in record.gradients if row.metric in _OF_THE_MACHINE]
    return {f"{row.metric} {row.group} {row.step}": (row.value, row.se) for row in rows}


def _steps(record: Record) -> dict[str, Any]:
    return {
        f"{name} at step {row.step}": value
        for row in record.training
        for name, value in vars(row).items()
        if name not in ("step", "seconds")
    }


def _times(record: Record) -> dict[str, Any]:
    times: dict[str, Any] = {f"{row.step}": row.seconds for row in record.training}
    return times | {name: getattr(record.final, name) for name in _TIMES if record.final is not None}


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() != other.keys() or any(not _equal(one[name], other[name]) for name in one)


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same, and NaN the same as NaN."""
    # Of NaN and of a tuple with it alike, the text is the same.
    return one == other or repr(one) == repr(other)


def _pair(one: Any, other: Any) -> str:
    if isinstance(one, float) and isinstance(other, float):
        return " and ".join(told_apart(one, other))
    return f"{_said(one)} and {_said(other)}"


def _said(value: Any) -> str:
    if value is None:
        return "none"
    return number(value, 6) if isinstance(value, float) else str(value)
