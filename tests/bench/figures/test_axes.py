# The stubs of matplotlib know less than these tests about what is on the axes.
# pyright: reportAttributeAccessIssue=false
"""What would be hidden is shown: points that coincide, and values that have no place on a logarithmic axis."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import figures
from bench.figures.axes import look_nested
from bench.figures.labels import metric_axis, wrapped
from bench.figures.page import Page
from bench.figures.palette import look
from bench.results.store import Store
from bench.results.tables import load
from tests.bench.results.samples import cell, gradient, record


def _line(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2.0, 3.0], "value": values, "ci_low": values, "ci_high": values})


def test_of_lines_that_coincide_the_lower_have_bigger_markers() -> None:
    lines = [_line([1, 2, 3]), _line([3, 1, 2]), _line([1, 2, 3]), _line([1, 2, 3])]
    styles = look_nested(lines, [look("reinforce")] * 4, "x")
    assert [style.size for style in styles] == [6.5, 3.5, 5.0, 3.5]


@pytest.mark.parametrize(("kind", "x"), [("frontier", "seconds"), ("tradeoff", "variance")])
def test_points_stand_where_they_are_though_others_do_too(kind: str, x: str, tmp_path: Path) -> None:
    results = _results(tmp_path, {"reinforce": 4.0, "reinforce-loo": 4.0, "vargrad": 4.0})
    shown = figures.rows(kind, results)
    axes = figures.draw(kind, shown, Page()).axes[0]
    points = [container.lines[0] for container in axes.containers]
    assert all(line.get_transform() == axes.transData for line in points)
    assert np.concatenate([line.get_xydata() for line in points]) == pytest.approx(shown[[x, "value"]].to_numpy())
    # A marker at the edge of the panel is not cut.
    assert not any(line.get_clip_on() for line in points)


def _results(folder: Path, variances: dict[str, float]):
    store = Store(folder)
    for estimator, variance in variances.items():
        rows = [
            dataclasses.replace(gradient(metric, value, group=group), se=0.1 * value)
            for metric, value in {"variance": variance, "work_variance": variance, "seconds": 1.0, "bias": 1.0}.items()
            for group in ("all", "guide")
        ]
        store.write(record(cell(estimator=estimator, estimator_parameters={}), gradients=rows))
    return load(folder)


def test_what_is_zero_or_not_finite_is_named_in_the_legend(tmp_path: Path) -> None:
    results = _results(tmp_path, {"reinforce": 4.0, "reparam": 0.0, "stl": math.inf})
    for kind in ("frontier", "tradeoff"):
        [legend] = figures.figure(kind, results).legends
        labels = [text.get_text() for text in legend.get_texts()][:3]
        assert labels == ["reinforce", "reparam (0)", "stl (not finite)"]


@pytest.mark.parametrize(("second", "bold"), [(4.0, ["1.00"]), (1.01, [])])
def test_the_matrix_is_bold_only_where_significantly_best(second: float, bold: list[str], tmp_path: Path) -> None:
    results = _results(tmp_path, {"reinforce": second, "reparam": 1.0})
    place = figures.figure("matrix", results).axes[0]
    assert [text.get_text() for text in place.texts if text.get_fontweight() == "bold"] == bold


def test_the_matrix_shows_a_variance_of_zero_and_a_dash_for_infinity(tmp_path: Path) -> None:
    results = _results(tmp_path, {"reinforce": 4.0, "reparam": 0.0, "stl": math.inf})
    shown = figures.rows("matrix", results)
    assert np.nan_to_num(shown["relative"].to_numpy(), nan=-1) == pytest.approx([1, 0, -1])
    assert [text.get_text() for text in figures.draw("matrix", shown, Page()).axes[0].texts] == ["1.00", "0", "–"]


def test_units_stand_below_and_long_titles_are_parted_between_parameters() -> None:
    assert metric_axis("variance") == "gradient variance\n(nats$^2$/param$^2$)"
    assert wrapped("vae-mnist(hidden=200, latent=50), K = 4", 30) == "vae-mnist(hidden=200,\nlatent=50), K = 4"


def test_tasks_without_a_model_have_no_panel_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for task, groups in {"ppca": ("guide", "model"), "gaussian-cosine": ("guide",)}.items():
        rows = [gradient("variance", 2.0, group=group) for group in groups]
        store.write(record(cell(task=task, task_parameters={}), gradients=rows))
    titles = [axes.get_title("left") for axes in figures.figure("variance", load(tmp_path)).axes if axes.lines]
    assert titles == ["gaussian-cosine, K = 1", "ppca, K = 1: guide φ", "model θ"]
