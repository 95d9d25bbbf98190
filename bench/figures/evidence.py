"""`evidence`: log p(x) and the ELBO at the end of training against a parameter of the task: which degree is chosen."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import ResultsError, UsageError
from bench.figures.axes import handle, integer_scale, is_leftmost, legend_below
from bench.figures.estimates import over_seeds
from bench.figures.grid import blocks_grid
from bench.figures.labels import unit_text
from bench.figures.page import Page
from bench.figures.palette import COLOURS, Look
from bench.figures.seeds import bars_note, spanned
from bench.figures.ticks import ticks
from bench.names.spec import parse_spec
from bench.results.frames import distinct, grouped, series, where
from bench.results.metrics import about
from bench.results.over_seeds import final_values
from bench.results.tables import Results

_LOOKS: Final = {
    "log_evidence": Look(COLOURS[6], "o", "-", True),
    "train_elbo": Look(COLOURS[3], "s", (0, (4, 1.2)), True),
}
_BEST: Final = 9.0
"""Points of print across the ring around the largest value."""


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per configuration and metric, log_evidence or train_elbo, with the task's parameter as `at`.

    `parameter` names it: the one number in which a task's cells differ. `best` marks the largest of a line.

    Raises:
        ResultsError: log p(x) is known of none of the trainings.
        UsageError: no task has cells that differ in one number.
    """
    final = where(results.final, results.final["log_evidence"].notna())
    if final.empty:
        raise ResultsError(
            "log p(x) is not known for any training in these results: `bench info TASK` says where it is exact"
        )
    parts = []
    for (task,), of_task in grouped(final, "task"):
        varied = varying(list(of_task["task_parameters"]))
        if varied is not None:
            name, numbers = varied
            values = _values(of_task, results)
            at = dict(of_task[["configuration", "task_parameters"]].itertuples(index=False))
            values["at"] = [numbers[at[configuration]] for configuration in values["configuration"]]
            parts.append(values.assign(parameter=name, panel=f"{task}: {name}"))
    if not parts:
        raise UsageError(
            "evidence needs a numeric parameter that varies, such as the degree in "
            "`--task 'polynomial-regression(degree=2)' --task 'polynomial-regression(degree=3)'`, but no task has two "
            "values"
        )
    found = pd.concat(parts, ignore_index=True)
    most = found.groupby(["panel", "estimator", "name", "samples", "metric"])["value"].transform("max")
    return found.assign(best=found["value"] == most).sort_values(["panel", "metric", "at"], kind="stable")


def varying(parameters: Sequence[str]) -> tuple[str, dict[str, float]] | None:
    """Return the parameter in which tasks, written `name=value, ...`, differ, and its number in each.

    None where there is no such parameter, or more than one.

    >>> varying(["degree=2, n=30", "degree=3, n=30"])
    ('degree', {'degree=2, n=30': 2.0, 'degree=3, n=30': 3.0})
    """
    known = {text: parse_spec(f"task({text})").parameters for text in dict.fromkeys(parameters)}
    names = {name for values in known.values() for name in values}
    differing = [name for name in sorted(names) if len({str(values.get(name)) for values in known.values()}) > 1]
    if len(differing) != 1:
        return None
    numbers = {text: values.get(differing[0]) for text, values in known.items()}
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers.values()):
        return None
    return differing[0], {text: float(number) for text, number in numbers.items() if isinstance(number, int | float)}


def _values(final: pd.DataFrame, results: Results) -> pd.DataFrame:
    values = final_values(final, list(_LOOKS))
    single = values.assign(ci_low=values["value"], ci_high=values["value"])
    return spanned(over_seeds(values, ["metric", "unit"], results), single, ["metric", "unit"])


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per task, estimator and setting: log p(x) above the ELBO, a ring around the largest of each."""
    lines = [line for _, line in grouped(shown, "panel", "estimator", "name", "samples")]
    entries = [handle(_LOOKS[metric], about(metric).label) for metric in _LOOKS if metric in distinct(shown, "metric")]
    note = "; ".join(["ring: the largest", *bars_note(shown, "the evaluation's", "their span")])
    labels = [str(entry.get_label()) for entry in entries]
    figure, places = blocks_grid(page, [1] * len(lines), labels, note=note)
    several = len(distinct(shown, "name")) > 1 or len(distinct(shown, "samples")) > 1
    for [place], line in zip(places, lines, strict=True):
        first = line.iloc[0]
        named = f"{first['task']} · {first['name']}, K = {first['samples']}" if several else first["task"]
        place.set_title(named, loc="left")
        for (metric,), of_metric in grouped(line, "metric"):
            _draw_line(place, of_metric.sort_values("at"), _LOOKS[str(metric)])
        integer_scale(place, series(line, "at"))
        place.yaxis.set_major_locator(ticks(5))
        place.set_xlabel(str(first["parameter"]))
        place.set_ylabel(unit_text(str(first["unit"])) if is_leftmost(place) else "")
    legend_below(figure, entries, page, note)
    return figure


def _draw_line(place: Axes, line: pd.DataFrame, style: Look) -> None:
    value = line["value"].to_numpy(float)
    arms = [value - line["ci_low"].to_numpy(float), line["ci_high"].to_numpy(float) - value]
    place.errorbar(
        line["at"],
        value,
        yerr=np.nan_to_num(np.clip(arms, 0, None), nan=0.0, posinf=0.0),
        color=style.colour,
        linestyle=style.line,
        linewidth=1.0,
        elinewidth=0.7,
        markersize=style.size,
        **style.markers,
    )
    best = where(line, line["best"])
    place.plot(
        best["at"], best["value"], "o", color="none", markeredgecolor=style.colour, markersize=_BEST, label="_best"
    )
