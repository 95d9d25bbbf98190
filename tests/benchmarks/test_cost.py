import numpy as np
import pandas as pd
import pytest

from bench.figures.page import Page
from tests.benchmarks.cost import drawn, larger, measured
from tests.benchmarks.replicates import Point
from tests.benchmarks.sweeps import LINES, Line


def frame(axis: str, estimator: str, power: float) -> pd.DataFrame:
    sizes = np.array([1.0, 10.0, 100.0, 1000.0, 10_000.0])
    seconds = 1e-3 + 1e-4 * sizes**power
    return pd.DataFrame(
        {
            "axis": axis,
            "task": "gaussian-quadratic",
            "estimator": estimator,
            "size": sizes,
            "value": seconds,
            "ci_low": 0.99 * seconds,
            "ci_high": 1.01 * seconds,
        }
    )


def test_a_line_has_a_row_per_size():
    made = []

    def make(point: Point, size: int):
        return 2 * size, lambda: made.append(size)

    rows = measured(Line("seeds S", Point("gaussian-quadratic", "reinforce"), (1, 3), make), rounds=6)
    assert rows["size"].tolist() == [2, 6]
    # A warm-up of each, then turns.
    assert made == [1, 3] + [1, 3] * 6
    assert bool((rows["ci_low"] <= rows["value"]).all())


def test_slopes_are_of_the_larger_half_of_the_axis():
    assert larger(frame("samples K", "reinforce", 1.0))["size"].tolist() == [100, 1000, 10_000]


def test_the_figure_tells_the_slopes():
    rows = pd.concat([frame("samples K", "reinforce", 1.0), frame("seeds S", "reparam", 2.0)], ignore_index=True)
    figure = drawn(rows, Page())
    shown = [
        (place.get_xlabel(), float(legend.get_texts()[0].get_text().split()[0]))
        for place in figure.axes
        if (legend := place.get_legend()) is not None
    ]
    # Seconds that are fixed take something off the slope still.
    assert shown == [("samples K", pytest.approx(0.97, abs=0.04)), ("seeds S", pytest.approx(2.0, abs=0.01))]


def test_lines_have_sizes_enough_for_a_slope():
    for line in LINES:
        sizes = pd.DataFrame({"size": line.sizes})
        assert len(larger(sizes)) >= 3
        assert list(line.sizes) == sorted(set(line.sizes))
