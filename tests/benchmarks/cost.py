"""Measure how seconds grow with the work: a csv in `results/benchmarks/cost/` and the figure of the gallery.

python -m tests.benchmarks.cost
"""

import time
from pathlib import Path
from typing import Final

import click
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator

from bench.figures.axes import draw_interval, handle, is_leftmost, legend_below, set_scale
from bench.figures.grid import grid
from bench.figures.page import Page
from bench.figures.palette import look
from bench.figures.save import provenance, save, save_rows
from bench.figures.slopes import fit
from bench.results.frames import distinct, grouped, series, where
from bench.statistics.intervals import median
from tests.benchmarks.ratios import FOLDER, ROOT, hardware, title, versions
from tests.benchmarks.sweeps import LINES, Line

FIGURE: Final = ROOT / "docs" / "gallery" / "cost.svg"


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--rounds", default=21, show_default=True, help="in which every size takes its turn")
@click.option("--threads", default=1, show_default=True, help="of PyTorch on the CPU")
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER / "cost", show_default=True, help="of the csv")
@click.option("--figure", type=click.Path(path_type=Path), default=FIGURE, show_default=True)
def main(rounds: int, threads: int, out: Path, figure: Path) -> None:
    torch.set_num_threads(threads)
    rows = pd.concat([measured(line, rounds) for line in LINES], ignore_index=True)
    rows = rows.assign(threads=threads, hardware=title(), versions=versions())
    save_rows(rows, out / f"{hardware()}.csv")
    page = Page()
    save(drawn(rows, page), figure, "svg", page, provenance("cost", None, rows, page))
    click.echo(f"wrote {out / f'{hardware()}.csv'} and {figure}")


def measured(line: Line, rounds: int) -> pd.DataFrame:
    """Return one row per size: the median seconds over rounds in which all sizes take turns, with its interval."""
    click.echo(f"{line.axis}: {line.point.task}, {line.point.estimator}", err=True)
    works = [line.make(line.point, size) for size in line.sizes]
    for _, work in works:
        work()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for (_, work), into in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            into.append(time.perf_counter() - start)
    intervals = [median(np.array(seconds)) for seconds in times]
    return pd.DataFrame(
        {
            "axis": line.axis,
            "task": line.point.task.partition("(")[0],
            "estimator": line.point.estimator,
            "size": [size for size, _ in works],
            "value": [interval.value for interval in intervals],
            "ci_low": [interval.low for interval in intervals],
            "ci_high": [interval.high for interval in intervals],
            "n": rounds,
        }
    )


def larger(line: pd.DataFrame) -> pd.DataFrame:
    """Return the larger sizes of a line, from the middle of its axis on: there, what is fixed weighs little."""
    return where(line, line["size"] >= np.sqrt(line["size"].min() * line["size"].max()))


def drawn(rows: pd.DataFrame, page: Page) -> Figure:
    """Return a panel per axis with a line per task and estimator, and the slopes over the larger sizes."""
    axes_of = distinct(rows, "axis")
    looks = {f"{task}, {estimator}": look(estimator) for (task, estimator), _ in grouped(rows, "task", "estimator")}
    with page.settings():
        figure, panels = grid(page, len(axes_of), 3, list(looks), 1.3, extra_lines=3)
        for place, axis in zip(panels, axes_of, strict=True):
            _draw_panel(place, where(rows, rows["axis"] == axis))
            place.set_xlabel(axis)
            place.set_ylabel("seconds" if is_leftmost(place) else "")
        legend_below(figure, [handle(style, label) for label, style in looks.items()], page)
    return figure


def _draw_panel(place: Axes, panel: pd.DataFrame) -> None:
    set_scale(place, "x", panel["size"], log=True)
    set_scale(place, "y", panel["value"], log=True)
    if float(series(panel, "size").max()) > 1000:
        place.xaxis.set_major_locator(LogLocator(numticks=5))
        place.xaxis.set_major_formatter(LogFormatterSciNotation())
    entries = []
    for (_, estimator), line in grouped(panel, "task", "estimator"):
        style = look(estimator)
        draw_interval(place, line, "size", style)
        large = larger(line)
        found = fit(*(large[column].to_numpy(float) for column in ("size", "value", "ci_low", "ci_high")), fewest=3)
        text = "no slope"
        if found is not None:
            sizes = large["size"].to_numpy(float)
            place.plot(sizes, found.at_one * sizes**found.slope, color=style.colour, linewidth=0.8)
            text = f"{found.slope:.2f} [{found.low:.2f}, {found.high:.2f}]".replace("-", "−")
        entries.append(handle(style, text))
    _draw_linear(place)
    place.legend(
        handles=entries,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.27),
        title="slope [95%]",
        title_fontsize="small",
        labelspacing=0.2,
    )


def _draw_linear(place: Axes) -> None:
    """Draw faint lines along which the seconds would grow in proportion."""
    (left, right), (low, high) = place.get_xlim(), place.get_ylim()
    for start in 10.0 ** np.arange(np.floor(np.log10(low * left / right)), np.ceil(np.log10(high)) + 1):
        place.plot([left, right], [start, start * right / left], color="0.85", linewidth=0.4, zorder=0)
    place.set_xlim(left, right)
    place.set_ylim(low, high)


if __name__ == "__main__":
    main()
