# The stubs of matplotlib and pandas know less than these tests about what is on the axes.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportIndexIssue=false, reportCallIssue=false
# pyright: reportOptionalMemberAccess=false
"""Figures at the size that papers need: several K, tasks and seeds, trainings that diverge, log p(x) where known."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import figures
from bench.figures import variance
from bench.figures.axes import note_lines
from bench.figures.evidence import varying
from bench.figures.page import Page
from bench.figures.write import write
from bench.results.select import select
from bench.results.store import Store
from bench.results.tables import Results, load
from tests.bench.figures.grids import make, of_degrees
from tests.bench.results.samples import cell, gradient, record

THREE = ("reinforce", "vimco", "reparam")


def _note(figure: Figure) -> str:
    return figure.legends[0].get_title().get_text().replace("\n", " ")


def _labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def _labelled(axes: Axes, label: str) -> list:
    return [line for line in axes.lines if line.get_label() == label]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return make(tmp_path_factory.mktemp("results"), THREE, (1, 2, 4), (0, 1), ("ppca", "linear-gaussian"))


@pytest.mark.parametrize(("seeds", "thin", "bands"), [(1, 0, 1), (2, 2, 0), (3, 3, 0), (4, 0, 1)])
def test_two_or_three_seeds_are_thin_lines_and_four_a_band(seeds: int, thin: int, bands: int, tmp_path: Path) -> None:
    results = make(tmp_path, ("reparam",), (1,), range(seeds))
    for kind, of_one in (("variance", bands), ("elbo", int(seeds > 3))):
        figure = figures.figure(kind, results)
        assert len(_labelled(figure.axes[0], "_seed")) == thin
        assert len(figure.axes[0].collections) == of_one
        assert ("thin: single seeds" in _note(figure)) == (thin > 0)


def test_bars_of_few_seeds_span_their_intervals(tmp_path: Path) -> None:
    """Student's for two seeds would be 12.7 standard errors; the bias, a noisy norm, keeps it."""
    store = Store(tmp_path)
    for seed, value in enumerate((1.0, 2.0)):
        rows = [gradient(metric, value) for metric in ("variance", "bias")]
        store.write(record(cell(seed=seed), gradients=[*rows, gradient("seconds", 1.0, group="all")]))
    shown = figures.rows("frontier", load(tmp_path))
    assert shown[["ci_low", "ci_high"]].to_numpy()[0] == pytest.approx([0.9, 2.2])
    assert figures.rows("tradeoff", load(tmp_path))["ci_high"].iloc[0] > 2.2**2


@pytest.mark.parametrize("kind", ["variance", "elbo"])
def test_where_lines_are_many_each_k_has_a_panel_and_the_legend_names_estimators(kind: str, crowded: Results) -> None:
    figure = figures.figure(kind, crowded)
    titles = [axes.get_title("left") for axes in figure.axes if axes.get_title("left")]
    for task in ("linear-gaussian", "ppca"):
        of_task = [title for title in titles if title.startswith(task)]
        assert [f"K = {count}" in title for title, count in zip(of_task, (1, 2, 4), strict=False)] == [True] * 3
    assert _labels(figure)[:3] == ["reinforce", "reparam", "vimco"]
    colours = {line.get_color() for line in figure.axes[0].lines if line.get_marker() != "None"}
    assert len(colours) == 3


def test_panels_of_one_task_have_the_same_axis(crowded: Results) -> None:
    shown = figures.rows("variance", select(crowded, tasks=["ppca"]), ["guide"])
    assert len({axes.get_ylim() for axes in figures.draw("variance", shown, Page()).axes}) == 1


def test_one_step_is_a_dot_plot(crowded: Results) -> None:
    shown = figures.rows("variance", select(crowded, tasks=["ppca"], step=0), ["guide"])
    [axes] = figures.draw("variance", shown, Page()).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["reinforce", "reparam", "vimco"]
    places = [float(bar.lines[0].get_ydata()[0]) for bar in axes.containers]
    assert len(set(places)) == 9
    means = shown[shown["seed"].isna()]
    assert sorted(float(bar.lines[0].get_xdata()[0]) for bar in axes.containers) == pytest.approx(
        sorted(means["value"])
    )


def test_what_has_no_variance_or_none_that_is_finite_is_said_in_a_dot_plot(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name, value in (("reinforce", 40.0), ("reparam", 0.0), ("stl", np.inf), ("vargrad", 1.0)):
        store.write(record(cell(estimator=name, estimator_parameters={}), gradients=[gradient("variance", value)]))
    [axes] = figures.figure("variance", load(tmp_path)).axes
    assert [text.get_text() for text in axes.texts] == ["0", "not finite"]


def test_the_objective_says_over_how_many_steps_it_is_a_mean(crowded: Results) -> None:
    assert "means over 4 steps" in _note(figures.figure("elbo", crowded))
    one = select(crowded, tasks=["ppca"], estimators=["reparam"], samples=[1])
    assert "objective and norm: means over 4 steps" in _note(figures.figure("training", one))


def test_other_targets_are_named_and_dashed(tmp_path: Path) -> None:
    results = make(tmp_path, ("vimco", "reparam"), (2,), (0,))
    results.gradients.loc[results.gradients["estimator"] == "vimco", "target"] = "iwae"
    figure = figures.figure("elbo", results)
    assert _labels(figure) == ["reparam", "vimco (iwae)"]
    assert [line.get_linestyle() for line in figure.axes[0].lines] == ["-", "--"]


@pytest.fixture
def exploded(tmp_path: Path) -> Results:
    """Return a sound training and one of the same length whose objective leaves all bounds at step 40."""
    store = Store(tmp_path)
    for name, growth in (("reparam", 1.0), ("reinforce", 1e6)):
        rows = [
            dataclasses.replace(
                record().training[0], step=step, objective=-100.0 * growth ** max(0, step - 39), seconds=step / 10
            )
            for step in range(1, 76)
        ]
        moments = [gradient("variance", growth ** (step / 3), step, "guide") for step in (0, 75)]
        of = cell(estimator=name, estimator_parameters={})
        lost = {"status": "diverged", "reason": "nan", "final": None} if growth > 1 else {}
        store.write(record(of, training=rows, gradients=moments, **lost))
    return load(tmp_path)


def test_divergence_is_marked_where_it_was_and_does_not_set_the_axis(exploded: Results) -> None:
    for place, x in zip(figures.figure("elbo", exploded).axes, (40, 4.0), strict=False):
        assert np.abs(place.get_ylim()).max() < 200
        [mark] = _labelled(place, "_diverged")
        assert (mark.get_marker(), mark.get_xdata()[0]) == ("x", x)
    assert "diverged" in _labels(figures.figure("elbo", exploded))


def test_moments_of_a_run_that_diverged_do_not_set_the_axis(exploded: Results) -> None:
    [axes] = figures.figure("variance", exploded).axes
    assert axes.get_ylim()[1] < 1e3
    assert [mark.get_xdata()[0] for mark in _labelled(axes, "_diverged")] == [40]


def test_moments_at_shared_parameters_are_drawn_whatever_became_of_the_training(exploded: Results) -> None:
    final = exploded.final.assign(measurement_at="shared")
    shown = variance.rows(dataclasses.replace(exploded, final=final))
    assert not any(shown["diverged"])
    assert set(shown["step"]) == set(exploded.gradients["step"])


def test_a_run_that_diverged_is_drawn_until_it_did(exploded: Results) -> None:
    lost = select(exploded, estimators=["reinforce"])
    figure = figures.figure("training", lost)
    objective, moments = figure.axes[0], figure.axes[-1]
    assert np.abs(objective.get_ylim()).max() < 200
    [line] = _labelled(objective, "_seed")
    assert max(line.get_xdata()) == 39
    assert len(_labelled(objective, "_diverged")) == 1
    assert moments.get_ylim()[1] < 1e3


def test_log_p_x_is_drawn_where_it_is_known(crowded: Results) -> None:
    one = select(crowded, tasks=["ppca"], samples=[1])
    known = Results(one.gradients, one.training, one.final.assign(log_evidence=-95.0), one.runs)
    figure = figures.figure("elbo", known)
    lines = _labelled(figure.axes[0], "_log p(x)")
    assert [line.get_ydata()[0] for line in lines] == [-95.0] * 3
    assert figure.axes[0].get_ylim()[1] >= -95
    assert "log p(x) at the end" in _labels(figure)
    assert "log p(x) at the end" not in _labels(figures.figure("elbo", one))


def test_a_slope_needs_four_k_and_is_written_as_all_numbers_are(tmp_path: Path, crowded: Results) -> None:
    three = figures.figure("scaling", crowded)
    assert "no slope with fewer than 4 K away from zero" in _note(three)
    assert not any(axes.get_legend() for axes in three.axes)
    five = make(tmp_path, ("reparam",), (1, 2, 4, 8, 16), range(4))
    figure = figures.figure("scaling", five)
    texts = [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    assert texts
    assert "0.500 [0.43, 0.57]" not in texts
    assert not any("-" in text or "no slope" in text for text in texts)


def test_tasks_never_share_a_row(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for task, more in (("ppca", {"train_elbo": -3.0, "test_log_likelihood": -1.0}), ("linear-gaussian", {})):
        final = dataclasses.replace(record().final, **more)
        store.write(record(cell(task=task, task_parameters={}), final=final))
    for columns in (1, 2):
        figure = figures.figure("final", load(tmp_path), "slides", columns)
        rows: dict[int, set[int]] = {}
        block = -1
        for axes in figure.axes:
            if axes.axison:
                block += bool(axes.get_title("left"))
                rows.setdefault(axes.get_subplotspec().rowspan.start, set()).add(block)
        assert block == 1
        assert all(len(tasks) == 1 for tasks in rows.values())


def test_what_does_not_fit_is_laid_out_over_files(tmp_path: Path) -> None:
    many = make(tmp_path / "many", ("reparam",), (1,), (0,), [f"task-{number}" for number in range(4)])
    files = write("frontier", many, tmp_path / "front.png", "png", Page("neurips", 1), ["guide"], data=True)
    assert [file.name for file in files] == ["front-1.png", "front-2.png", "front.csv"]
    assert all(file.is_file() for file in files)
    drawn = figures.pages("frontier", figures.rows("frontier", many, ["guide"]), Page("neurips", 1))
    tasks = [[axes.get_title("left") for axes in page.axes if axes.get_title("left")] for page in drawn]
    assert tasks == [["task-0, K = 1", "task-1, K = 1"], ["task-2, K = 1", "task-3, K = 1"]]


def test_a_page_per_run(crowded: Results, tmp_path: Path) -> None:
    two = select(crowded, tasks=["ppca"], samples=[1], estimators=["reparam", "vimco"])
    files = write("training", two, tmp_path / "training.png", "png", Page())
    assert [file.name for file in files] == ["training-1.png", "training-2.png"]


def test_an_estimator_looks_the_same_on_every_page(crowded: Results) -> None:
    """Alone on a page, `vimco` would have the orange that `reinforce` has on another."""
    shown = figures.rows("variance", crowded, ["guide"])
    page = Page(estimators=("reinforce", "vimco"))
    alone = figures.draw("variance", shown[shown["estimator"] == "vimco"], page)
    both = figures.draw("variance", shown, Page())
    of_vimco = [handle.get_color() for handle in alone.legends[0].legend_handles]
    assert of_vimco == [both.legends[0].legend_handles[2].get_color()]


def test_one_part_that_is_taller_than_a_page_is_drawn_all_the_same(tmp_path: Path) -> None:
    names = [f"mine:Estimator{number}" for number in range(70)]
    results = make(tmp_path, names, (1,), (0,), ("ppca",))
    [page] = figures.pages("final", figures.rows("final", results), Page("neurips", 1))[:1]
    assert page.get_figheight() > 9


@pytest.mark.parametrize("kind", ["variance", "tradeoff", "frontier", "matrix", "scaling", "final", "elbo"])
def test_declared_bias_has_a_dagger_in_every_comparison(kind: str, tmp_path: Path) -> None:
    results = make(tmp_path, ("gumbel-softmax", "reinforce"), (1, 2), (0,))
    figure = figures.figure(kind, results)
    texts = [text.get_text() for axes in figure.axes for text in axes.get_yticklabels()]
    texts += _labels(figure) if figure.legends else []
    assert any(text.startswith("gumbel-softmax") and "†" in text for text in texts)
    told = _note(figure) if figure.legends else figure.axes[0].get_title("left")
    assert "†: biased, as declared" in told


def test_a_note_is_parted_between_words() -> None:
    assert all(len(line) <= Page("icml", 1).characters for line in note_lines("words " * 60, Page("icml", 1)))


def test_the_evidence_chooses_a_degree(crowded: Results) -> None:
    shown = figures.rows("evidence", of_degrees(select(crowded, tasks=["ppca"])))
    evidence = shown[(shown["metric"] == "log_evidence") & (shown["estimator"] == "reparam")]
    assert evidence[["at", "value"]].to_numpy().tolist() == [[1, -13], [2, -12], [4, -10]]
    assert list(evidence.loc[evidence["best"], "at"]) == [4]
    axes = figures.draw("evidence", shown, Page()).axes[0]
    assert axes.get_xlabel() == "degree"
    assert {float(ring.get_xdata()[0]) for ring in _labelled(axes, "_best")} >= {4.0}


def test_panels_of_the_evidence_say_in_which_setting_they_differ(crowded: Results) -> None:
    shown = figures.rows("evidence", of_degrees(select(crowded, tasks=["ppca"], estimators=["reparam"])))
    grid = pd.concat([shown.assign(name=f"reparam, guide_lr={rate}") for rate in (0.1, 0.2)])
    titles = [" ".join(place.get_title(loc="left").split()) for place in figures.draw("evidence", grid, Page()).axes]
    assert titles == [f"polynomial-regression · reparam, guide_lr={rate}, K = 1" for rate in (0.1, 0.2)]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (["degree=2, n=30", "degree=3, n=30"], ("degree", [2.0, 3.0])),
        (["degree=2", "degree=3, n=30"], None),
        (["guide=shared", "guide=amortized"], None),
        (["degree=2"], None),
    ],
)
def test_the_parameter_that_varies_is_found(parameters: list[str], expected: tuple[str, list[float]] | None) -> None:
    found = varying(parameters)
    assert (found and (found[0], list(found[1].values()))) == expected


def test_an_e_step_closes_the_gap_and_an_m_step_raises_log_p_x() -> None:
    shown = figures.rows("em", None)
    assert (shown["elbo"] + shown["kl"]).to_numpy() == pytest.approx(shown["log_evidence"].to_numpy())
    e_steps, m_steps = (shown.index[shown["stage"] == stage] for stage in ("E step", "M step"))
    assert shown.loc[e_steps, "log_evidence"].to_numpy() == pytest.approx(
        shown.loc[e_steps - 1, "log_evidence"].to_numpy()
    )
    assert (shown.loc[e_steps, "kl"] < 0.01).all()
    assert (shown.loc[m_steps, "log_evidence"].to_numpy() > shown.loc[m_steps - 1, "log_evidence"].to_numpy() + 1).all()
    assert shown["elbo"].is_monotonic_increasing
    axes = figures.draw("em", shown, Page()).axes[0]
    tops = [patch.get_y() + patch.get_height() for patch in axes.patches]
    assert tops[0::2] == pytest.approx(list(shown["elbo"]))
    assert tops[1::2] == pytest.approx(list(shown["log_evidence"]))
