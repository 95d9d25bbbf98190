"""Estimators of a run whose gradient is biased, though they declare that it is not: a sentence each, and what to do."""

import shlex
from collections.abc import Sequence
from typing import Final

from bench.execution.report import relative_biases, undecided_biases
from bench.names.registry import ESTIMATORS, TASKS
from bench.results.digits import interval
from bench.results.metrics import group_name
from bench.results.over_seeds import Said
from bench.results.schema import Record
from bench.results.text import folded
from bench.results.verdicts import judged

FALSE_ALARM: Final = 1e-3
"""How often a run says so of any of its estimators although all are right."""

_NAMED: Final = 3
"""The most cells that a sentence names."""

Key = tuple[str, str]


def suspicions(records: Sequence[Record]) -> list[str]:
    """Return a sentence for each estimator whose bias is seen against its own declaration.

    P-values are corrected over all cells and parameter groups of the run (Bonferroni). What is declared biased, or has
    an aim of its own for φ, is left out.
    """
    claimed: dict[Key, tuple[Record, Said]] = {}
    tasks = dict.fromkeys(str(record.cell.task_spec) for record in records)
    for task in tasks:
        mine = [record for record in records if str(record.cell.task_spec) == task]
        first = {record.cell.configuration: record for record in reversed(mine)}
        for (configuration, group), said in relative_biases(mine).items():
            if _claims(first[configuration], group):
                claimed[configuration, group] = first[configuration], said
    if not claimed:
        return []
    verdicts = judged(
        {key: said for key, (_, said) in claimed.items()},
        undecided=undecided_biases(records),
        level=FALSE_ALARM,
    )
    seen: dict[str, list[Key]] = {}
    for key, verdict in verdicts.items():
        if verdict.seen:
            seen.setdefault(ESTIMATORS.brief(claimed[key][0].cell.estimator_spec), []).append(key)
    return [_sentence(name, [(*claimed[key], key[1]) for key in keys]) for name, keys in seen.items()]


def _claims(record: Record, group: str) -> bool:
    """Return whether an estimator declares that a parameter group's gradient is that of the target."""
    estimator = ESTIMATORS.build(record.cell.estimator_spec)
    follows = estimator.trains_guide and estimator.guide_follows_target
    return estimator.unbiased and (follows or not group.startswith("guide"))


def _sentence(name: str, found: Sequence[tuple[Record, Said, str]]) -> str:
    where = [
        f"{interval(said.value, said.low, said.high)} in {group_name(group)} on "
        f"{TASKS.brief(record.cell.task_spec)}, K={record.cell.samples}"
        for record, said, group in found[:_NAMED]
    ]
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    text = f"{name} is biased, but declared unbiased: relative bias {'; '.join(where)}{more}"
    command = f"bench check {shlex.quote(name)}{_task(found[0][0])}"
    odds = f"`{command}` tests it; among runs without any bias, at most one in {1 / FALSE_ALARM:.0f} says so"
    return f"{folded(text, 2)}\n{folded(odds, 2)}"


def _task(record: Record) -> str:
    """Return the option that names a cell's task where `bench check` knows an exact answer on it, or on a variant."""
    task = TASKS.load(record.cell.task)
    return f" --task {shlex.quote(record.cell.task)}" if task.has_exact and task.checked else ""
