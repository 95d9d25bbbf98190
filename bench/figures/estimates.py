"""The frames' numbers as figures show them: one estimate with its interval per configuration."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.results.declared import declared_configurations, marked
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import PARTS
from bench.results.naming import configurations
from bench.results.over_seeds import Said, combine
from bench.results.tables import Results
from bench.results.verdicts import judged

_NAMES: Final = ("panel", "label", "name", "variant", "task_label")
_MOST_LINES: Final = 6
"""In a panel, from which on each K has a panel of its own."""
_OF_ANY_SAMPLES: Final = ("expectation", "elbo", "evidence")


def shown_groups(gradients: pd.DataFrame, asked: Sequence[str]) -> list[str]:
    """Return the parameter groups to show: those asked for, else φ and θ, else whatever was measured.

    Raises:
        ResultsError: nothing was measured, or not of a group that is asked for.
    """
    there = list(dict.fromkeys(gradients.loc[gradients["metric"] == "variance", "group"]))
    if not there:
        raise ResultsError("there are no gradient moments in these results; `bench status` says how their cells ended")
    for group in asked:
        if group not in there:
            raise ResultsError(f"no gradient of the group '{group}' was measured; there are {', '.join(there)}")
    return list(asked) or [group for group in PARTS if group in there] or there


def moments(results: Results, metrics: Sequence[str], groups: Sequence[str]) -> pd.DataFrame:
    """Return one row per configuration × step × group × metric, over seeds where there are several.

    Metrics of the whole gradient (its cost) have the group `all`. Rows come in the registry's order.
    """
    measured = results.gradients
    chosen = where(measured, measured["metric"].isin(metrics) & measured["group"].isin([*groups, "all"]))
    return over_seeds(chosen, ["step", "group", "metric", "unit"], results)


def last_moments(results: Results, metrics: Sequence[str], groups: Sequence[str]) -> pd.DataFrame:
    """Return `moments` at each configuration's last measured step that all of its seeds reached."""
    found = moments(results, metrics, groups)
    steps = found.groupby(["configuration", "step"])["seeds"].transform("max")
    complete = where(found, steps == found.groupby("configuration")["seeds"].transform("max"))
    return where(complete, complete["step"] == complete.groupby("configuration")["step"].transform("max"))


def wide(estimates: pd.DataFrame, metrics: Sequence[str], groups: Sequence[str]) -> pd.DataFrame:
    """Return a row per configuration and group, with columns `METRIC`, `METRIC_low` and `METRIC_high`.

    What was measured of the whole gradient only stands in every group's row.
    """
    keys = ["configuration", "task", "estimator", "samples", *_NAMES, "step", "seeds"]
    frames = []
    for group in groups:
        row = estimates.loc[(estimates["metric"] == "variance") & (estimates["group"] == group), keys].assign(
            group=group
        )
        for metric in metrics:
            of_metric = where(estimates, estimates["metric"] == metric)
            mine = where(of_metric, of_metric["group"] == (group if group in set(of_metric["group"]) else "all"))
            values = mine.set_index("configuration")[["value", "ci_low", "ci_high"]]
            row = row.join(values.set_axis([metric, f"{metric}_low", f"{metric}_high"], axis=1), on="configuration")
        frames.append(row)
    return pd.concat(frames, ignore_index=True)


def comparable(estimates: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return estimates in panels of one target each; estimators that declare a bias are `biased`, and have a dagger.

    What the target is stands behind the task where it has several, with K, on which bounds of several samples depend.
    """
    gradients = results.gradients
    measured = where(gradients, gradients["metric"] == "variance")
    target = dict(zip(measured["configuration"], measured["target"], strict=True))
    found = declared(estimates, results).assign(aim=[target[one] for one in estimates["configuration"]])
    parts = []
    for _, of_task in grouped(found, "task_label"):
        if len(distinct(of_task, "samples")) > 1:
            aims = [
                row.aim if row.aim in _OF_ANY_SAMPLES else f"{row.aim}, K = {row.samples}" for row in records(of_task)
            ]
            of_task = of_task.assign(aim=aims)
        suffix = " · " + of_task["aim"] if len(distinct(of_task, "aim")) > 1 else ""
        parts.append(of_task.assign(panel=of_task["panel"] + suffix, task_label=of_task["task_label"] + suffix))
    named = pd.concat(parts).loc[found.index] if parts else found
    return named.drop(columns="aim")


def declared(estimates: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return estimates, marked as `biased`, with a dagger, if their estimators declare a bias."""
    biased = estimates["configuration"].isin(declared_configurations(results.final))
    found = estimates.assign(biased=biased)
    return found.assign(label=marked(found, "label"), name=marked(found, "name"))


def by_name(shown: pd.DataFrame) -> pd.DataFrame:
    """Return rows with labels and variants that are the same for all K of an estimator with its parameters."""
    names = {estimator: distinct(rows, "name") for (estimator,), rows in grouped(shown, "estimator")}
    places = [names[estimator].index(name) for estimator, name in zip(shown["estimator"], shown["name"], strict=True)]
    return shown.assign(label=shown["name"], variant=places)


def faceted(shown: pd.DataFrame) -> pd.DataFrame:
    """Return rows with a panel for each K, named in `facet`, where a panel would have many lines of several K."""
    crowded = [
        len(distinct(rows, "label")) > _MOST_LINES and len(distinct(rows, "samples")) > 1
        for _, rows in grouped(shown, "panel")
    ]
    if not any(crowded):
        return shown
    order = distinct(shown, "panel")
    counts = {panel: len(distinct(rows, "samples")) for (panel,), rows in grouped(shown, "panel")}
    several = np.array([counts[panel] > 1 for panel in shown["panel"]])
    suffix = ", K = " + shown["samples"].astype(str)
    found = by_name(shown).assign(facet=shown["samples"], _order=shown["panel"].map(order.index))
    found["panel"] += np.where(several, suffix, "")
    return found.sort_values(["_order", "facet"], kind="stable").drop(columns="_order")


def bias_seen(estimates: pd.DataFrame) -> pd.Series:
    """Return whether biases were seen, each row one of them; corrected for how many there are."""
    columns = ("value", "ci_low", "ci_high", "seeds")
    said = zip(*(series(estimates, name) for name in columns), strict=True)
    verdicts = judged({place: Said(*one) for place, one in enumerate(said)})
    seen = [place in verdicts and verdicts[place].seen for place in range(len(estimates))]
    return pd.Series(seen, index=estimates.index, dtype=bool)


def over_seeds(frame: pd.DataFrame, by: Sequence[str], results: Results) -> pd.DataFrame:
    """Return a row per configuration and `by` as `combine` does, with the columns of `configurations` in front."""
    names = configurations(results.final)
    found = combine(frame, by)
    if found.empty:
        return pd.DataFrame(columns=[*names.columns, *found.columns.drop("configuration")])
    order = {configuration: number for number, configuration in enumerate(names["configuration"])}
    found = found.sort_values(["configuration", *by], key=lambda column: _ordered(column, order), kind="stable")
    return names.merge(found, on="configuration", how="right")


def _ordered(column: pd.Series, order: dict[str, int]) -> pd.Series:
    return column.map(order) if column.name == "configuration" else column


def require_rows(
    frame: pd.DataFrame, what: str, drawable: Callable[[pd.DataFrame], pd.Series] | None = None
) -> pd.DataFrame:
    """Return the frame.

    Raises:
        ResultsError: it is empty, or nothing in it can be drawn.
    """
    if frame.empty or (drawable is not None and not drawable(frame).any()):
        raise ResultsError(f"there is no {what} in these results; `bench table` shows what there is")
    return frame
