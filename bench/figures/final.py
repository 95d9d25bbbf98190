"""`final`: what training ended with, a dot per seed and the mean with its interval."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import ResultsError
from bench.figures.axes import legend_below
from bench.figures.dots import Lines, draw_dots
from bench.figures.estimates import by_name, declared, over_seeds
from bench.figures.grid import blocks_grid
from bench.figures.labels import metric_axis
from bench.figures.legend import dagger_note, looks_of, sample_handles, sizes_of
from bench.figures.page import Page
from bench.figures.seeds import bars_note, spanned
from bench.figures.ticks import ticks
from bench.results.frames import distinct, grouped, where
from bench.results.over_seeds import final_values
from bench.results.tables import Results

METRICS: Final = ("objective", "train_elbo", "test_elbo", "test_log_likelihood")


def rows(results: Results, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per task × metric × configuration, and one per seed, whose `seed` is not missing.

    `done` of `cells` seeds ended; the mean is over those that have the metric.

    Raises:
        ResultsError: no training ended.
    """
    final, values = results.final, final_values(results.final, METRICS)
    # What evaluation adds is the same for all seeds: the data that it is an average over.
    single = values.assign(ci_low=values["value"], ci_high=values["value"])
    ended = spanned(means(results), single, ["metric", "unit"])
    single = ended.drop(columns=["value", "ci_low", "ci_high"]).merge(
        values[["configuration", "metric", "seed", "value"]], on=["configuration", "metric"]
    )
    counts = final.groupby("configuration", as_index=False).agg(
        done=("status", lambda status: int((status == "done").sum())), cells=("status", "size")
    )
    found = pd.concat([ended.assign(seed=pd.NA), single], ignore_index=True).merge(counts, on="configuration")
    return declared(found.astype({"seed": "Int64"}), results)


def means(results: Results) -> pd.DataFrame:
    """Return one row per task × metric × configuration, with Student's interval over seeds.

    Raises:
        ResultsError: no training ended.
    """
    values = final_values(results.final, METRICS)
    if values.empty:
        raise ResultsError("no training has ended in these results; `bench status` says how the cells ended")
    return over_seeds(values, ["metric", "unit"], results)


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a row of panels per task, a panel of it per metric, and a line of that per estimator."""
    shown = by_name(shown)
    lost = _lost(shown)
    counts = sample_handles(shown, page)
    metrics = {task: sorted(distinct(rows, "metric"), key=METRICS.index) for (task,), rows in grouped(shown, "panel")}
    lines = {task: Lines(rows) for (task,), rows in grouped(shown, "panel")}
    height = max(of.height(page) for of in lines.values())
    seeds = ["small dots: seeds"] if np.any(shown["cells"] > 1) else []
    note = "; ".join([*dagger_note(shown), *seeds, *bars_note(shown, "the evaluation's", "their span")])
    figure, places = blocks_grid(
        page, list(map(len, metrics.values())), [str(entry.get_label()) for entry in counts], height, note=note
    )
    for axes, (task, its_metrics) in zip(places, metrics.items(), strict=True):
        axes[0].set_title(task, loc="left")
        of_task = where(shown, shown["panel"] == task)
        for place, metric in zip(axes, its_metrics, strict=True):
            panel = where(of_task, of_task["metric"] == metric)
            _scale(place, np.ravel(panel[["value", "ci_low", "ci_high"]].to_numpy(float)))
            known = where(panel, panel["seed"].isna() | ((panel["cells"] > 1) & np.isfinite(panel["value"])))
            names = {name: f"{name}{lost.get((task, name), '')}" for name in lines[task].names}
            draw_dots(place, known, lines[task], looks_of(shown, page), sizes_of(shown, page), names)
            place.set_xlabel(metric_axis(metric, str(panel["unit"].iloc[0])))
    legend_below(figure, counts, page, note)
    return figure


def _scale(place: Axes, values: np.ndarray) -> None:
    place.xaxis.set_major_locator(ticks(4))
    values = values[np.isfinite(values)]
    if len(values) and values.max() > values.min():
        margin = 0.06 * (values.max() - values.min())
        place.set_xlim(values.min() - margin, values.max() + margin)


def _lost(shown: pd.DataFrame) -> Mapping[tuple[str, str], str]:
    """Return by task and label how many of the seeds did not end, where any did not."""
    each = shown.drop_duplicates("configuration")
    sums = {key: (sum(rows["done"]), sum(rows["cells"])) for key, rows in grouped(each, "panel", "label")}
    return {key: f" ({cells - done} of {cells} lost)" for key, (done, cells) in sums.items() if cells > done}
