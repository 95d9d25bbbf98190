"""Comparisons of configurations: mean ± standard error over seeds, and which is significantly the best."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.results.declared import declared_configurations
from bench.results.frames import grouped, records, where
from bench.results.metrics import FINAL_VALUES, about
from bench.results.naming import configurations
from bench.results.tables import Results
from bench.statistics.quantiles import quantile
from bench.statistics.seeds import combined_in_one
from bench.statistics.significance import significantly_best


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

    >>> import varbench
    >>> table = varbench.tables.comparison(varbench.load("results"), ["variance"])
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
