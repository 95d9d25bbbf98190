# The stubs of matplotlib and pandas know less than these tests about what is on the axes.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""What every kind of figure keeps to."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tueplots import figsizes

from bench import figures
from bench.errors import BenchError
from bench.figures.page import FORMATS, STYLES, Page
from bench.figures.write import write
from bench.results.select import select
from bench.results.store import Store
from bench.results.tables import Results, load
from tests.bench.figures.grids import make, of_degrees
from tests.bench.results.samples import cell, gradient, record

MOMENTS = ("variance", "tradeoff", "frontier", "scaling", "matrix")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return make(tmp_path_factory.mktemp("results"))


def _of(kind: str, results: Results) -> Results:
    if kind == "evidence":
        return of_degrees(results)
    return select(results, estimators=["reparam"], samples=[2]) if kind == "training" else results


@pytest.mark.parametrize("kind", figures.KINDS)
def test_each_kind_is_drawn_and_names_its_axes(kind: str, results: Results, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        figure = figures.figure(kind, _of(kind, results) if figures.KINDS[kind].task is None else None)
        figure.draw_without_rendering()
    assert not caplog.records  # matplotlib logs fonts that it does not find
    shown = [axes for axes in figure.axes if axes.has_data() and axes.get_label() != "<colorbar>"]
    assert shown
    if kind not in ("matrix", "final", "em"):
        assert all(axes.get_xlabel() for axes in shown)
    assert all(axes.get_ylabel() for axes in shown[:1] if kind not in ("matrix", "final"))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("columns", [1, 2])
def test_a_figure_has_the_width_of_its_venue(style: str, columns: int, results: Results) -> None:
    page = Page(style, columns)
    one = select(results, samples=[2])
    figure = figures.draw("variance", figures.rows("variance", one), page)
    assert figure.get_figwidth() == page.width
    if style == "icml":
        size = figsizes.icml2024_half() if columns == 1 else figsizes.icml2024_full()
        assert page.width == size["figure.figsize"][0]
    figure.draw_without_rendering()
    assert _inside(figure)


def _inside(figure: Figure) -> bool:
    """Whether every label lies on the page, to a pixel."""
    width, height = figure.bbox.size
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [legend.get_window_extent() for legend in figure.legends]
    return all(
        box is not None and box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1 for box in boxes
    )


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_says_what_it_was_made_of(form: str, results: Results, tmp_path: Path) -> None:
    file = tmp_path / f"figure.{form}"
    written = write("final", results, file, form, Page(), data=True)
    assert written == [file, file.with_suffix(".csv")]
    content = file.read_bytes()
    assert write("final", results, file, form, Page()) == [file]
    assert file.read_bytes() == content
    if form == "png":
        from PIL import Image

        note = json.loads(Image.open(file).text["Description"])
        assert note["figure"] == "final"
        assert note["tasks"] == ["ppca"]
        assert note["cells"] == sorted(results.final["cell"])
        assert [run["run"] for run in note["runs"]] == list(results.runs["run"])
    else:
        assert b"rows_sha256" in content
    if form == "pdf":
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
    rows = pd.read_csv(file.with_suffix(".csv"))
    assert rows["value"].to_numpy() == pytest.approx(figures.rows("final", results)["value"].to_numpy())


@pytest.mark.parametrize("kind", [*MOMENTS, "elbo", "final", "training"])
def test_results_without_what_is_shown_are_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(status="failed", reason="no", gradients=[], training=[], final=None))
    with pytest.raises(BenchError) as refused:
        figures.rows(kind, load(tmp_path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["variance", "tradeoff", "frontier", "matrix", "training"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1.0])
def test_a_single_point_or_none_is_still_a_figure(kind: str, value: float, tmp_path: Path) -> None:
    metrics = ("variance", "bias", "snr", "relative_bias", "cosine", "seconds", "evaluations", "work_variance")
    rows = [
        gradient(metric, value if metric == "variance" else 0.5, group=group)
        for metric in metrics
        for group in ("all", "guide")
    ]
    Store(tmp_path).write(record(gradients=rows))
    figures.figure(kind, load(tmp_path)).draw_without_rendering()


def test_a_diverged_seed_leaves_a_gap_and_is_counted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record())
    store.write(record(cell(seed=1), status="diverged", reason="nan", final=None))
    shown = figures.rows("final", load(tmp_path))
    assert shown.loc[shown["seed"].isna(), ["done", "cells"]].to_numpy().tolist() == [[1, 2]]
    figure = figures.draw("final", shown, Page())
    assert figure.axes[0].get_yticklabels()[0].get_text() == "rebar (1 of 2 lost)"


def test_what_does_not_exist_or_fit_is_refused(results: Results, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no figure 'varience'; did you mean 'variance'"):
        figures.rows("varience", results)
    with pytest.raises(BenchError, match="no style 'nips'"):
        Page("nips")
    with pytest.raises(BenchError, match="no gradient of the group 'phi' was measured; there are all, guide, model"):
        figures.rows("variance", results, ["phi"])
    with pytest.raises(BenchError, match="each run has a page"):
        figures.figure("training", results)
    with pytest.raises(BenchError, match="every estimator here has only one"):
        figures.rows("scaling", select(results, samples=[2]))
    many = make(tmp_path, samples=(1,), seeds=(0,), tasks=[f"task-{number:02}" for number in range(12)])
    with pytest.raises(BenchError, match="do not fit on one page"):
        figures.figure("frontier", many)
