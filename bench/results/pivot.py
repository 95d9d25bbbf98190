"""Comparisons as a paper prints them: mean ± standard error over seeds, estimators × tasks or as asked."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from bench.errors import ResultsError, UsageError
from bench.results.columns import AXES
from bench.results.declared import LEGEND, declared_configurations, marked
from bench.results.frames import distinct, grouped, ordered, records, where
from bench.results.metrics import FINAL_VALUES, about, group_name
from bench.results.naming import configurations
from bench.results.order import by_number, place
from bench.results.render import BEST, Block
from bench.results.tables import Results
from bench.results.words import Estimate
from bench.statistics.quantiles import quantile
from bench.statistics.seeds import combined_in_one
from bench.statistics.significance import significantly_best

_TITLES: Final = {"estimator": "name", "task": "task_label", "samples": "samples", "group": "group", "metric": "metric"}

_OF_TASK: Final = ("expectation", "elbo")
"""Targets that a task has of itself, one of them; whatever else an estimator aims at is a comparison of its own."""
_AIM: Final = "aim"


class _Value(NamedTuple):
    value: float
    se: float
    seeds: int
    measured: bool


def comparison(
    results: Results, metrics: Sequence[str], groups: Sequence[str] = ("all",), final: bool = False
) -> pd.DataFrame:
    """Return one row per task × configuration × group × metric: moments at the last measured step, or final values.

    Columns: those of `configurations`; `group`, empty for final values; `metric`, `unit`; `value` and `se`, over seeds
    where there are several: their mean and its standard error; `seeds`; `evaluations` of log p(x, z), or f, per
    datapoint for one gradient; `target`, what the gradient is meant to be of, empty for final values; `biased`, whether
    the estimator declares a bias; and `best`, whether the value is significantly better than every other of the same
    task, target, K, group and metric: see `significantly_best`. By its noise alone no estimator that declares a bias is
    the best, nor does it keep another from being so. With one seed, the error of a moment is that of its measurement; a
    final value has none, since the seed is what would vary.

    Raises:
        ResultsError: none of these was measured.

    >>> import bench
    >>> table = bench.tables.comparison(bench.load("results"), ["variance"])
    >>> list(table.sort_values("value")["name"])
    ['reparam', 'reinforce']
    """
    rows = _finals(results, metrics) if final else _moments(results, metrics, groups)
    if not rows:
        raise ResultsError(f"there is no {', '.join(metrics)} in these results; `bench table` shows what there is")
    names = configurations(results.final)
    cost = evaluations_per_gradient(results)
    table = names.merge(pd.DataFrame(rows), on="configuration")
    table["evaluations"] = [cost.get(configuration, np.nan) for configuration in table["configuration"]]
    table["biased"] = table["configuration"].isin(declared_configurations(results.final))
    table["best"] = False
    contests = grouped(table, "task_label", "group", "metric", "unit", "target", "samples")
    for (_, _, metric, unit, *_), of_contest in contests:
        rivals = where(of_contest, ~of_contest["biased"] | (not about(metric).is_noise))
        counts = [0 if row.measured else row.seeds for row in records(rivals)]
        best = significantly_best(list(rivals["value"]), list(rivals["se"]), counts, about(metric).direction(unit))
        if best is not None:
            table.loc[rivals.index[best], "best"] = True
    return table.drop(columns="measured")


def evaluations_per_gradient(results: Results) -> dict[str, float]:
    """Return the evaluations per gradient of each configuration that was measured or trained."""
    final = where(results.final, results.final["evaluations"].notna())
    counted = where(results.gradients, results.gradients["metric"] == "evaluations")
    return {
        **{key: float(np.mean(of["evaluations"])) for (key,), of in grouped(final, "configuration")},
        **{key: float(np.mean(of["value"])) for (key,), of in grouped(counted, "configuration")},
    }


def _moments(results: Results, metrics: Sequence[str], groups: Sequence[str]) -> list[dict[str, Any]]:
    measured = where(results.gradients, results.gradients["metric"].isin(metrics))
    last = where(measured, measured["step"] == measured.groupby("configuration")["step"].transform("max"))
    rows = []
    for (configuration, group, metric, unit), of_seeds in grouped(last, "configuration", "group", "metric", "unit"):
        target = str(of_seeds["target"].iloc[0])
        if group in groups or (about(metric).whole and group == "all"):
            found = _norm(of_seeds) or _mean(of_seeds["value"].to_numpy(float), of_seeds["se"].to_numpy(float), True)
            key = {"configuration": configuration, "group": about(metric).group(group)}
            rows.append({**key, "metric": metric, "unit": unit, "target": target, **found._asdict()})
    return rows


def _norm(of_seeds: pd.DataFrame) -> _Value | None:
    """Return the root of the mean square over several seeds, None where it is no norm; see `combined`."""
    squares = of_seeds["square"].to_numpy(float)
    if len(squares) == 1 or np.isnan(squares).any():
        return None
    value, low, high = combined_in_one(of_seeds[["value", "ci_low", "ci_high"]], list(squares), False)
    return _Value(value, (high - low) / (2 * quantile(len(squares) - 1)), len(squares), False)


def _finals(results: Results, metrics: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for metric in metrics:
        known = where(results.final, results.final[metric].notna())
        for (configuration,), of_seeds in grouped(known, "configuration"):
            values = of_seeds[metric].to_numpy(float)
            found = _mean(values, np.full(len(values), np.nan), measured=False)
            unit = FINAL_VALUES[metric].unit_of(str(of_seeds["unit"].iloc[0]))
            rows.append(
                {
                    "configuration": configuration,
                    "group": "",
                    "metric": metric,
                    "unit": unit,
                    "target": "",
                    **found._asdict(),
                }
            )
    return rows


def _mean(values: np.ndarray, errors: np.ndarray, measured: bool) -> _Value:
    if len(values) == 1:
        return _Value(float(values[0]), float(errors[0]), 1, measured)
    with np.errstate(invalid="ignore"):  # a diverged seed's infinity makes the error NaN
        error = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return _Value(float(np.mean(values)), float(error), len(values), False)


def pivot_blocks(table: pd.DataFrame, by: str = "estimator", across: str = "task") -> list[Block]:
    """Return a comparison with one of `AXES` down and another across, a block for each value of what is left.

    Gradients of different targets of a task are in different blocks. K and the evaluations per gradient stand beside
    the estimator, or in the title where all agree. A block of a single estimator has none that is best: its rivals are
    in other blocks. A dagger stands behind estimators that declare a bias.

    Raises:
        UsageError: an axis is unknown, or both are the same.

    >>> import bench
    >>> table = bench.tables.comparison(bench.load("results"), ["variance", "snr"])
    >>> [block.headers for block in bench.tables.pivot_blocks(table, across="metric")]
    [['estimator', 'variance (nats²/param²)', 'SNR']]
    """
    for axis in (by, across):
        if axis not in AXES:
            raise UsageError(f"a table cannot be arranged by '{axis}': choose among {', '.join(AXES)}")
    if by == across:
        raise UsageError(f"a table needs two different axes, not {by} twice")
    apart = [axis for axis in ("task", "estimator", "group", "metric") if axis not in (by, across)]
    keys = [*(_TITLES[axis] for axis in apart), *([] if "metric" not in apart else ["unit"]), _AIM]
    aims = table["target"].where(~table["target"].isin(_OF_TASK), "")
    shown = table.assign(**{_AIM: aims, "name": marked(table, "name")})
    return [_block(rows, by, across) for _, rows in grouped(shown, *keys)]


def _block(rows: pd.DataFrame, by: str, across: str) -> Block:
    rows = ordered(rows, lambda row: (place(row.estimator), by_number(row.name), row.samples))
    columns = _along(rows, across)
    # What tells two lines apart besides their name: K, unless it stands across, and the price of K.
    beside = [] if across in ("samples", "estimator") else ["samples", "evaluations"]
    shared = [name for name in beside if len(distinct(rows, name)) == 1]
    # Not the price as well where it is a column of its own.
    told = [name for name in beside if name not in shared and name not in columns]
    line_keys = [_TITLES[by], *(["samples"] if "samples" in told and by != "samples" else [])]
    if across == "estimator" and len(distinct(rows, "samples")) > 1 and by != "samples":
        line_keys.append("samples")
    headers = [by if by != "samples" else "K", *("K" for _ in line_keys[1:])]
    headers += ["evaluations"] if "evaluations" in told else []
    contested = len(distinct(rows, "name")) > 1
    body = []
    lines = dict(grouped(rows, *line_keys))
    order = _along(rows, by)
    for line_key in sorted(lines, key=lambda key: (order.index(key[0]), key[1:])):
        line = lines[line_key]
        words = [str(word) for word in line_key]
        if by == "metric":
            words[0] = _head(line_key[0])
        if by == "group":
            words[0] = group_name(line_key[0])
        if "evaluations" in told:
            words.append(_range(line["evaluations"]))
        cells = {
            getattr(row, _TITLES[across]): Estimate(row.value, row.se, row.best and contested) for row in records(line)
        }
        body.append([*words, *(cells.get(column, "–") for column in columns)])
    return Block(
        _title(rows, by, across, shared, "evaluations" not in [*told, *columns]),
        [*headers, *(_header(across, column) for column in columns)],
        body,
        notes=_notes(rows, contested),
    )


def _along(rows: pd.DataFrame, axis: str) -> list[Any]:
    """Return what stands along an axis: estimators as they come, numbers as numbers, the others as they were asked."""
    found = distinct(rows, _TITLES[axis])
    if axis == "samples":
        return sorted(found)
    return sorted(found, key=by_number) if axis == "task" else found


def _title(rows: pd.DataFrame, by: str, across: str, shared: Sequence[str], evaluations: bool) -> str:
    """Return what all lines have in common."""
    first = rows.iloc[0]
    apart = [axis for axis in ("metric", "group", "task", "estimator") if axis not in (by, across)]
    words = {
        "task": first["task_label"],
        "estimator": first["name"],
        "metric": about(first["metric"]).head(first["unit"]),
        "group": group_name(first["group"]) if first["group"] else "",
    }
    what = ["gradient" if first["group"] else "final values"] if "metric" in (by, across) else []
    parts = [*what, *(words[axis] for axis in apart if words[axis])]
    if "metric" in (by, across):
        of_task = where(rows, [about(metric).unit_of("") == "" for metric in rows["metric"]])
        parts += [" or ".join(distinct(of_task, "unit"))] if len(of_task) else []
    targets = [target for target in distinct(rows, "target") if target]
    parts += [f"target {' and '.join(targets)}"] if targets else []
    if "samples" in shared:
        parts.append(f"K = {first['samples']}")
    if evaluations:
        price = _range(rows["evaluations"])
        parts.append(f"{price} evaluation{'' if price == '1' else 's'} per gradient")
    return " · ".join(parts)


def _notes(rows: pd.DataFrame, contested: bool) -> list[str]:
    """Return what ± is, what is marked, and what that means."""
    notes = [_spread(rows)]
    biased = bool(rows["biased"].any())
    if contested and _has_errors(rows):
        rivals = "unbiased others" if biased and _is_noise(rows) else "others"
        same = "task, target and K" if any(rows["target"]) else "task and K"
        test = f"Welch, 5% over all {rivals} of its {same}"
        is_seen = bool(rows["best"].any())
        notes.append(f"{BEST}: significantly best ({test})" if is_seen else f"none is significantly best ({test})")
    return [*notes, LEGEND] if biased else notes


def _has_errors(rows: pd.DataFrame) -> bool:
    """Return whether there is a ± of any value: of final values only where there are several seeds."""
    return bool(rows["se"].notna().any())


def _spread(rows: pd.DataFrame) -> str:
    """Return what ± is, and over how many seeds."""
    least, most = min(rows["seeds"]), max(rows["seeds"])
    if most == 1 and not _has_errors(rows):
        return "1 seed, without ±: the spread between seeds is unknown"
    if most == 1:
        return "± standard error of the measurement, 1 seed"
    if least == most:
        return f"mean ± standard error over {most} seeds"
    of_one = "of the measurement where there is one" if any(rows["target"]) else "without ± where there is one"
    return f"mean ± standard error over {least} to {most} seeds{f', {of_one}' if least == 1 else ''}"


def _is_noise(rows: pd.DataFrame) -> bool:
    return any(about(name).is_noise for name in distinct(rows, "metric"))


def _header(across: str, column: Any) -> str:
    if across == "samples":
        return f"K = {column}"
    if across == "group":
        return group_name(column)
    return _head(column) if across == "metric" else str(column)


def _head(metric: str) -> str:
    """Return a metric with its unit; that of the task's target is in the title."""
    return about(metric).head(about(metric).unit_of(""))


def _range(values: Any) -> str:
    known = sorted({float(value) for value in values if np.isfinite(value)})
    return "–".join(dict.fromkeys(f"{value:g}" for value in (known[:1] + known[-1:]))) or "–"
