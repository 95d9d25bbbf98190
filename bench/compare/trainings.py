"""Costs, final objectives and completed trainings on two sides."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import stats

from bench.compare.comparisons import Comparison, Difference, over_seeds
from bench.compare.effects import NONE, Effect, Reading, unpaired
from bench.compare.matching import Match, MeasuredCell
from bench.compare.quantities import COMPLETED, EVALUATIONS, FINAL, TIMES, Quantity
from bench.errors import UsageError
from bench.names.registry import TASKS
from bench.names.spec import Spec
from bench.results.beside import how_beside
from bench.results.metrics import Direction


def compare_trainings(experiment: Match, quantities: Mapping[str, Quantity]) -> Iterator[Comparison]:
    """Give the comparison of evaluations, of times on the same hardware, of final values and of completed seeds."""
    yield from _evaluations(experiment, quantities[EVALUATIONS])
    if timings_differ_because(experiment) is None:
        for name in TIMES:
            if name in quantities:
                yield from _time(experiment, quantities[name])
    for name in FINAL:
        yield from _final(experiment, quantities[name])
    yield from _completed(experiment, quantities[COMPLETED])


def timings_differ_because(experiment: Match) -> str | None:
    """Return why the two sides' timings are not to be compared, or None where they are."""
    cells = (*experiment.base.values(), *experiment.new.values())
    hardware = {cell.hardware for cell in cells}
    if None in hardware:
        return "the hardware is not on record"
    if len(hardware) > 1:
        return "the hardware differs"
    others = sorted({how_beside(cell.row["notes"]) for cell in cells})
    if len(others) > 1:
        return f"they were measured beside other jobs ({' or '.join(how or 'alone' for how in others)})"
    return None


def _evaluations(experiment: Match, quantity: Quantity) -> Iterator[Comparison]:
    """Compare evaluations, a count; every step and every seed of an experiment has the same."""
    base, new = (_by_invocation(side, EVALUATIONS) for side in (experiment.base, experiment.new))
    if not base or not new:
        return
    change = float(np.mean(new) - np.mean(base))
    effect, method = (NONE, "identical") if change == 0 else (Effect(change, 0.0, 0.0, math.inf), "counted")
    yield _cost(experiment, quantity, base, new, effect, method)


def _time(experiment: Match, quantity: Quantity) -> Iterator[Comparison]:
    """Compare times with the invocation as the replicate: what else a machine does changes between invocations."""
    base, new = (_by_invocation(side, quantity.name) for side in (experiment.base, experiment.new))
    if not base or not new:
        return
    effect, method = None, "needs two invocations on each side, to tell a change from the machine's load"
    if len(base) >= 2 and len(new) >= 2:
        effect, method = unpaired(base, new), "invocations, unpaired"
    yield _cost(experiment, quantity, base, new, effect, method)


def _cost(
    experiment: Match, quantity: Quantity, base: list[float], new: list[float], effect: Effect | None, method: str
) -> Comparison:
    before, after = (math.exp(float(np.mean(side))) for side in (base, new))
    difference = Difference(effect, method, tuple(experiment.base), tuple(experiment.new))
    return Comparison(
        experiment.row, quantity, None, "", before, after, quantity.better, difference, experiment.versions
    )


def _by_invocation(cells: Mapping[int, MeasuredCell], metric: str) -> list[float]:
    """Return the mean logarithm of a cost over the measurements of each invocation."""
    logs: dict[str, list[float]] = {}
    for cell in cells.values():
        for (_, _, name), row in cell.gradients.items():
            if name == metric and row["value"] > 0:
                logs.setdefault(cell.row["run"], []).append(math.log(row["value"]))
    return [float(np.mean(of_one)) for of_one in logs.values()]


def _final(experiment: Match, quantity: Quantity) -> Iterator[Comparison]:
    base, new = (_final_values(side, quantity.name) for side in (experiment.base, experiment.new))
    better = _direction(experiment.row["task"], quantity)
    if not base or not new or better is None:
        return
    scale = abs(float(np.mean([r.value for r in base.values()]))) if quantity.scale == "relative" else 1.0
    if scale == 0:
        return
    difference = over_seeds(base, new, lambda reading: reading.value / scale)
    before, after = (
        float(np.mean([side[seed].value for seed in seeds]))
        for side, seeds in ((base, difference.base), (new, difference.new))
    )
    yield Comparison(experiment.row, quantity, None, "", before, after, better, difference, experiment.versions)


def _final_values(cells: Mapping[int, MeasuredCell], name: str) -> dict[int, Reading]:
    found = {seed: cell.row[name] for seed, cell in cells.items() if cell.row["status"] == "done"}
    return {seed: Reading(value) for seed, value in found.items() if value is not None and math.isfinite(value)}


def _direction(task: str, quantity: Quantity) -> Direction | None:
    """Return whether more or less is better; None where only the task could say, and is not here, or not named."""
    if quantity.better != 0:
        return quantity.better
    if TASKS.unnamed(Spec(task)):
        return None
    try:
        return 1 if TASKS.load(task).maximise else -1
    except UsageError:
        return None


def _completed(experiment: Match, quantity: Quantity) -> Iterator[Comparison]:
    """Compare the share of seeds that neither diverge nor fail, where any does, by Fisher's exact test.

    Of one that was limited it is not known yet.
    """
    sides = [
        {seed: cell.row["status"] == "done" for seed, cell in side.items() if cell.row["status"] != "limited"}
        for side in (experiment.base, experiment.new)
    ]
    if all(all(side.values()) for side in sides) or not all(sides):
        return
    counts = [(sum(side.values()), len(side)) for side in sides]
    shares = [done / total for done, total in counts]
    seeds = [tuple(side) for side in sides]
    if sides[0] == sides[1]:
        difference = Difference(NONE, "identical", seeds[0], seeds[1])
    else:
        # Agresti & Caffo (2000): with one success and one failure more on each side the error is honest at 0 and 1.
        added = [((done + 1) / (total + 2), total + 2) for done, total in counts]
        se = math.sqrt(sum(share * (1 - share) / total for share, total in added))
        effect = Effect(shares[1] - shares[0], se, se, math.inf)
        result: Any = stats.fisher_exact([[done, total - done] for done, total in counts])
        difference = Difference(effect, "seeds, exact test", seeds[0], seeds[1], float(result.pvalue))
    yield Comparison(
        experiment.row, quantity, None, "", shares[0], shares[1], quantity.better, difference, experiment.versions
    )
