"""Variance and bias of a gradient on two sides, at one step and for one parameter group."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from bench.compare.comparisons import Comparison, Difference, Readings, common_seeds, identical, over_seeds
from bench.compare.conditions import same_point, seed_free
from bench.compare.effects import NONE, Effect, Reading, from_errors
from bench.compare.matching import Match, MeasuredCell, Row, Where
from bench.compare.quantities import GRADIENT, Quantity
from bench.measure.moments import GROUPS
from bench.statistics.quantiles import quantile

_ROUNDING: Final = {"float32": 1e5, "float64": 1e13}
"""From this signal-to-noise ratio on, what looks like variance is rounding."""

_SAME_POINT: Final = "replicates, same parameters"


def compare_moments(
    experiment: Match, quantities: Mapping[str, Quantity], groups: tuple[str, ...]
) -> Iterator[Comparison]:
    """Give the comparison of every moment that both sides measured at the same steps."""
    sides = [
        {where for cell in side.values() for where in cell.gradients} for side in (experiment.base, experiment.new)
    ]
    for where in sorted(sides[0] & sides[1]):
        _, group, metric = where
        if metric in GRADIENT and group in groups:
            yield from _moment(experiment, quantities[metric], where)


def reading(row: Row, quantity: Quantity) -> Reading:
    """Return a row on the scale of its comparison, with the errors that its 95% interval implies."""
    value, low, high = row["value"], row["ci_low"], row["ci_high"]
    t = quantile(GROUPS - 1)
    if quantity.scale == "ratio":
        value, low, high = math.log(value), math.log(low) if low > 0 else -math.inf, math.log(high)
    return Reading(value, (value - low) / t, (high - value) / t)


def _moment(experiment: Match, quantity: Quantity, where: Where) -> Iterator[Comparison]:
    base, new = (_rows(side, where) for side in (experiment.base, experiment.new))
    if not base or not new or len({row["target"] for row in (*base.values(), *new.values())}) > 1:
        return
    rounding = [
        [_is_rounding(side[seed], where) for seed in rows]
        for side, rows in ((experiment.base, base), (experiment.new, new))
    ]
    if quantity.scale == "ratio" and any(map(any, rounding)):
        difference = _without_variance(rounding, tuple(base), tuple(new))
    else:
        readings = [{seed: reading(row, quantity) for seed, row in side.items()} for side in (base, new)]
        difference = _difference(experiment, readings[0], readings[1], where[0])
    before, after = (
        float(np.mean([rows[seed]["value"] for seed in seeds]))
        for rows, seeds in ((base, difference.base), (new, difference.new))
    )
    yield Comparison(
        experiment.row, quantity, where[0], where[1], before, after, quantity.better, difference, experiment.versions
    )


def _rows(cells: Mapping[int, MeasuredCell], where: Where) -> dict[int, Row]:
    found = {seed: cell.gradients.get(where) for seed, cell in cells.items()}
    return {seed: row for seed, row in found.items() if row is not None and math.isfinite(row["value"])}


def _difference(experiment: Match, base: Readings, new: Readings, step: int) -> Difference:
    """Return the difference of a moment, by the recorded errors where those are all there is, else over seeds."""
    common = common_seeds(base, new)
    here = tuple(seed for seed in common if same_point(experiment.base[seed], experiment.new[seed], step))
    if here and identical(base, new, here):
        return Difference(NONE, "identical", here, here)
    if here:
        return Difference(from_errors([base[s] for s in here], [new[s] for s in here]), _SAME_POINT, here, here)
    if all(seed_free(cell, step) for cell in (*experiment.base.values(), *experiment.new.values())):
        effect = from_errors(list(base.values()), list(new.values()))
        return Difference(effect, _SAME_POINT, tuple(base), tuple(new))
    return over_seeds(base, new, lambda reading: reading.value)


def _is_rounding(cell: MeasuredCell, where: Where) -> bool:
    step, group, _ = where
    variance, snr = (cell.gradients.get((step, group, metric)) for metric in ("variance", "snr"))
    if variance is None:
        return False
    return variance["value"] <= 0 or (snr is not None and snr["value"] > _ROUNDING[cell.row["dtype"]])


def _without_variance(rounding: list[list[bool]], base: tuple[int, ...], new: tuple[int, ...]) -> Difference:
    """Return the difference of variances of which some are zero up to rounding, and known to be so."""
    if all(map(all, rounding)):
        return Difference(NONE, "no variance except rounding", base, new)
    if all(rounding[0]) and not any(rounding[1]):
        return Difference(Effect(math.inf, 0.0, 0.0, math.inf), "no variance except rounding in BASE", base, new)
    if all(rounding[1]) and not any(rounding[0]):
        return Difference(Effect(-math.inf, 0.0, 0.0, math.inf), "no variance except rounding in NEW", base, new)
    return Difference(None, "the variance is zero on some seeds only", base, new)
