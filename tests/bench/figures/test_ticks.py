"""Ticks of logarithmic axes have room for their labels, which are written in one way."""

import numpy as np
import pytest

from bench.figures.ticks import LogNumbers, LogTicks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.19, 0.39, [0.2, 0.3]),
        (0.95, 2.1, [1, 2]),
        (0.9, 30, [1, 3, 10, 30]),
        (3, 40, [5, 10, 20]),
        (17, 1900, [30, 100, 300, 1000]),
    ],
)
def test_ticks_are_round_and_apart(low: float, high: float, expected: list[float]) -> None:
    assert LogTicks(0.23).tick_values(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("span", np.linspace(1.3, 150, 40))
@pytest.mark.parametrize("apart", [0.12, 0.23])
def test_labels_never_overprint_and_there_are_two_at_least(span: float, apart: float) -> None:
    for low in np.geomspace(1, 10, 17):
        found = LogTicks(apart).tick_values(low, low * span)
        assert len(found) >= 2
        assert np.diff(np.log(found)).min() >= apart * np.log(span)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([200.0, 500.0, 1000.0], ["200", "500", "1000"]),
        ([0.3, 1.0, 3.0], ["0.3", "1", "3"]),
        ([1e-5, 2e-5, 5e-5], ["10$^{−5}$", "2·10$^{−5}$", "5·10$^{−5}$"]),
    ],
)
def test_labels_of_an_axis_are_written_in_one_way(values: list[float], labels: list[str]) -> None:
    assert LogNumbers().format_ticks(values) == labels
