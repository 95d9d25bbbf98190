"""What the two sides of one experiment do not have in common: seeds, steps, versions, and how their cells ended."""

from collections.abc import Mapping
from typing import Final

from bench.compare.experiments import Match, MeasuredCell

_WELL: Final = ("done", "limited")
"""Statuses that speak of no trouble with an estimator: a limit may be lifted."""


def about(experiment: Match) -> list[str]:
    """Return what the two sides of one experiment do not have in common, and no comparison needs."""
    notes = _alone("NEW", experiment.new, experiment.base)
    base, new = experiment.versions
    if base != new:
        notes.append(f"estimator version {base} in BASE and {new} in NEW")
    said = {*_newly_broken(experiment), *_newly_limited(experiment)}
    for side, cells in (("BASE", experiment.base), ("NEW", experiment.new)):
        notes += [
            f"in {side}, {_end(seed, cell)}"
            for seed, cell in cells.items()
            if cell.row["status"] != "done" and not (side == "NEW" and seed in said)
        ]
    return notes


def missing(experiment: Match) -> list[str]:
    """Return what was measured in BASE, and not in NEW, in a sentence each; a limited cell got no further."""
    texts = _alone("BASE", experiment.base, experiment.new)
    texts += [f"in NEW, {_end(seed, experiment.new[seed])}" for seed in _newly_limited(experiment)]
    sides = [
        {where for cell in side.values() for where in cell.gradients} for side in (experiment.base, experiment.new)
    ]
    common = {where[0] for where in sides[0]} & {where[0] for where in sides[1]}
    lost = dict.fromkeys((group, metric) for step, group, metric in sorted(sides[0] - sides[1]) if step in common)
    texts += [f"{metric} of {group} measured in BASE only" for group, metric in lost]
    return texts


def broken(experiment: Match) -> list[str]:
    """Return which cells of NEW failed or diverged, where BASE's did not, in a sentence each."""
    return [f"in NEW, {_end(seed, experiment.new[seed])}" for seed in _newly_broken(experiment)]


def _newly_broken(experiment: Match) -> list[int]:
    """Return the seeds of NEW that failed or diverged: where BASE's did not, or none of BASE's if it lacks the seed."""
    base = {seed: cell.row["status"] in _WELL for seed, cell in experiment.base.items()}
    return [
        seed
        for seed, cell in experiment.new.items()
        if cell.row["status"] not in _WELL and base.get(seed, all(base.values()))
    ]


def _newly_limited(experiment: Match) -> list[int]:
    """Return the seeds of NEW that reached a limit before their ends, to which BASE's came."""
    base = {seed for seed, cell in experiment.base.items() if cell.row["status"] == "done"}
    return [seed for seed, cell in experiment.new.items() if cell.row["status"] == "limited" and seed in base]


def _end(seed: int, cell: MeasuredCell) -> str:
    return f"seed {seed} {cell.row['status']}: {cell.row['reason']}"


def _alone(side: str, cells: Mapping[int, MeasuredCell], others: Mapping[int, MeasuredCell]) -> list[str]:
    """Return which seeds and steps one side has and the other has not, in a sentence each."""
    seeds, steps = _seeds_alone(cells, others), _odd_steps(cells, others)
    texts = [f"seed {seeds} only in {side}"] if seeds else []
    return texts + ([f"step {steps} measured in {side} only"] if steps else [])


def _seeds_alone(cells: Mapping[int, MeasuredCell], others: Mapping[int, MeasuredCell]) -> str:
    """Return the seeds that only one side has, in words; none where the sides have no seed in common, as is meant."""
    if not others.keys() & cells.keys():
        return ""
    return ", ".join(map(str, sorted(cells.keys() - others.keys())))


def _odd_steps(cells: Mapping[int, MeasuredCell], others: Mapping[int, MeasuredCell]) -> str:
    """Return the steps that only one side was measured at, in words."""
    steps = [{where[0] for cell in side.values() for where in cell.gradients} for side in (cells, others)]
    return ", ".join(map(str, sorted(steps[0] - steps[1])))
