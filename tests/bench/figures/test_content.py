# The stubs of matplotlib and pandas know less than these tests about what is on the axes.
# pyright: reportAttributeAccessIssue=false, reportIndexIssue=false, reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false
"""The data on the axes are those of the frames."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from bench import figures
from bench.figures.frontier import pareto
from bench.figures.page import Page
from bench.figures.palette import look
from bench.figures.seeds import means
from bench.results.select import select
from bench.results.store import Store
from bench.results.tables import Results, load
from bench.statistics.seeds import mean_over_seeds
from tests.bench.figures.grids import ESTIMATORS, GROUPS, make, mixed
from tests.bench.results.samples import cell, gradient, record

PAGE = Page()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return make(tmp_path_factory.mktemp("results"))


def _lines(axes: Axes) -> dict[tuple[str, str], np.ndarray]:
    """Return the points of a panel's lines by colour and whether markers are filled."""
    return {
        (str(line.get_color()), str(line.get_markerfacecolor()[0])): np.asarray(line.get_xydata())
        for line in axes.lines
        if len(np.asarray(line.get_xydata())) and line.get_marker() != "None"
    }


def test_variance_is_the_mean_over_seeds_at_each_step(tmp_path: Path) -> None:
    two = make(tmp_path, samples=(2, 8), seeds=(0, 1, 2, 3))
    figure = figures.draw("variance", figures.rows("variance", two), PAGE)
    measured = two.gradients[two.gradients["metric"] == "variance"]
    assert [axes.get_title("left") for axes in figure.axes] == ["ppca: guide φ", "model θ"]
    for axes, group in zip(figure.axes, ("guide", "model"), strict=True):
        lines, bands = _lines(axes), iter(axes.collections)
        for estimator in ESTIMATORS:
            for variant, samples in enumerate((2, 8)):
                style = look(estimator, variant)
                of = measured[
                    (measured["estimator"] == estimator)
                    & (measured["samples"] == samples)
                    & (measured["group"] == group)
                ]
                expected = of.groupby("step")["value"].apply(lambda values: mean_over_seeds(list(values), True))
                points = lines[style.colour, style.markers["markerfacecolor"][0]]
                assert points[:, 0] == pytest.approx(expected.index)
                assert points[:, 1] == pytest.approx([mean for mean, _, _ in expected])
                band = np.concatenate([path.vertices for path in next(bands).get_paths()])
                assert band[:, 1].max() == pytest.approx(max(high for _, _, high in expected))
        assert axes.get_yscale() == "log"


def test_one_seed_has_the_interval_of_its_measurement(results: Results) -> None:
    one = make_one(results)
    shown = figures.rows("variance", one)
    frame = one.gradients[(one.gradients["metric"] == "variance") & (one.gradients["group"] == "guide")]
    guide = shown[shown["group"] == "guide"]
    assert guide[["value", "ci_low", "ci_high"]].to_numpy() == pytest.approx(
        frame[["value", "ci_low", "ci_high"]].to_numpy()
    )


def make_one(results: Results) -> Results:
    one = select(results, estimators=["reparam"], samples=[1])
    seed = one.final["seed"] == 0
    cells = list(one.final.loc[seed, "cell"])
    return Results(
        one.gradients[one.gradients["cell"].isin(cells)],
        one.training[one.training["cell"].isin(cells)],
        one.final[seed],
        one.runs,
    )


def test_the_objective_is_averaged_over_stretches_and_seeds(results: Results) -> None:
    one = select(results, estimators=["reparam"], samples=[4])
    shown = means(figures.rows("elbo", one))
    training = one.training.assign(stretch=np.ceil(one.training["step"] / 4))
    expected = training.groupby(["stretch", "cell"])["objective"].mean().groupby("stretch").mean()
    assert shown["value"].to_numpy() == pytest.approx(expected.to_numpy())
    assert list(shown["step"]) == list(range(4, 101, 4))
    assert shown["evaluations"].to_numpy() == pytest.approx(shown["step"] * 4.0)
    figure = figures.draw("elbo", shown, PAGE)
    for axes, x in zip(figure.axes, ("step", "seconds", "evaluations"), strict=True):
        [line] = [line for line in axes.lines if line.get_label() != "_seed"]
        assert np.asarray(line.get_xydata()) == pytest.approx(shown[[x, "value"]].to_numpy(float))


def test_a_relaxed_objective_is_not_shown_as_the_targets(tmp_path: Path) -> None:
    results = make(tmp_path, ("gumbel-softmax", "reinforce"), samples=(1,))
    results.training.loc[results.training["estimator"] == "gumbel-softmax", "objective_of"] = "relaxed"
    rows = figures.rows("elbo", results)
    assert dict(rows[["label", "objective_of"]].drop_duplicates().itertuples(index=False)) == {
        "gumbel-softmax † (relaxed objective)": "relaxed",
        "reinforce": "target",
    }
    one = select(results, estimators=("gumbel-softmax",))
    figure = figures.draw("training", figures.rows("training", one), PAGE)
    assert [place.get_ylabel() for place in figure.axes if "objective" in place.get_ylabel()] == [
        "relaxed objective\n(nats per datapoint)"
    ]


def test_final_values_have_a_dot_per_seed_and_the_mean(results: Results) -> None:
    one = select(results, samples=[2])
    figure = figures.draw("final", figures.rows("final", one), PAGE)
    axes = figure.axes[1]
    assert axes.get_xlabel() == "test ELBO\n(nats per datapoint)"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(ESTIMATORS)
    means = one.final.groupby("estimator")["test_elbo"].mean()
    drawn = {to_hex(bar.lines[0].get_color()): bar.lines[0].get_xdata()[0] for bar in axes.containers}  # pyright: ignore
    assert drawn == pytest.approx({look(name).colour.lower(): means[name] for name in ESTIMATORS})
    dots = [float(line.get_xdata()[0]) for line in axes.lines if line.get_label() == "_seed"]
    assert sorted(dots) == pytest.approx(sorted(one.final["test_elbo"]))


def test_tradeoff_shows_squared_bias_against_variance(results: Results) -> None:
    one = make_one(results)
    shown = figures.rows("tradeoff", one, ["guide"])
    last = one.gradients[(one.gradients["step"] == 100) & (one.gradients["group"] == "guide")].set_index("metric")
    assert shown[["value", "variance"]].to_numpy()[0] == pytest.approx(
        [last.loc["bias", "value"] ** 2, last.loc["variance", "value"]]
    )
    assert shown["ci_high"].iloc[0] == pytest.approx(last.loc["bias", "ci_high"] ** 2)
    axes = figures.draw("tradeoff", shown, PAGE).axes[0]
    points = axes.containers[0].lines[0].get_xydata()  # pyright: ignore[reportAttributeAccessIssue]
    assert points == pytest.approx(shown[["variance", "value"]].to_numpy())
    for curve in (line for line in axes.lines if line.get_label() == "_equal MSE"):
        mse = np.sum(np.asarray(curve.get_xydata()), axis=1)
        assert mse == pytest.approx(mse[0])


def test_tradeoff_squares_what_several_seeds_say_of_the_bias(tmp_path: Path) -> None:
    """Of squares 3, 4 and 5 the mean is 4, and half of Student's interval 4.303 / √3; in no way their root, 2."""
    store = Store(tmp_path)
    for seed, square in enumerate((3.0, 4.0, 5.0)):
        root = math.sqrt(square)
        bias = gradient("bias", root, ci_low=root - 0.1, ci_high=root + 0.1, square=square)
        store.write(record(cell(seed=seed), gradients=[gradient("variance", 1.0), bias]))
    shown = figures.rows("tradeoff", load(tmp_path), ["guide"])
    half = 4.302653 / math.sqrt(3)
    assert shown[["value", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx([4.0, 4 - half, 4 + half])


def test_a_bias_that_was_not_seen_is_an_upper_bound(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in (0, 1):
        bias = gradient("bias", 0.0, ci_low=0.0, ci_high=0.2)
        store.write(record(cell(seed=seed), gradients=[gradient("variance", 1.0), bias]))
    shown = figures.rows("tradeoff", load(tmp_path), ["guide"])
    assert shown[["value", "ci_low", "ci_high"]].to_numpy()[0] == pytest.approx([0.0, 0.0, 0.04])
    axes = figures.draw("tradeoff", shown, PAGE).axes[0]
    assert axes.containers[0].lines[0].get_ydata() == pytest.approx([0.04])  # pyright: ignore
    assert any(text.arrow_patch is not None for text in axes.texts)  # pyright: ignore[reportAttributeAccessIssue]


def test_the_front_is_what_nothing_beats() -> None:
    generator = np.random.default_rng(1)
    points = generator.integers(0, 6, (40, 2)).astype(float)
    points[3] = math.nan
    expected = [
        bool(np.isfinite(own).all())
        and not any(np.isfinite(other).all() and (other <= own).all() and (other < own).any() for other in points)
        for own in points
    ]
    exactly = np.stack([points, points], axis=2)
    assert pareto(exactly[:, 0], exactly[:, 1]) == expected
    assert 0 < sum(expected) < 40


def test_a_lead_inside_the_noise_is_no_place_on_the_front() -> None:
    """A cost that is less by .02 ms of ± .1 does not make up for a variance of millions; zero is less than any."""
    cost = np.array([[0.98, 1.18], [1.0, 1.2], [1.0, 1.2], [2.0, 2.1]])
    value = np.array([[5e6, 7e6], [0.9, 1.1], [1.0, 1.2], [0.0, 0.0]])
    assert pareto(cost, value) == [False, True, True, True]


def test_gradients_of_different_targets_have_panels_of_their_own(tmp_path: Path) -> None:
    found = mixed(tmp_path)
    shown = figures.rows("matrix", found).set_index(["label", "samples"])
    assert set(shown["panel"]) == {f"vae-mnist · {aim}" for aim in ("elbo", "iwae, K = 5", "iwae, K = 20")}
    assert shown["relative"].to_dict() == pytest.approx(
        {
            ("reinforce, K = 5", 5): 9 / 4,
            ("reparam, K = 5", 5): 1.0,
            ("gumbel-softmax, K = 5 †", 5): 1 / 4,
            ("iwae, K = 5", 5): 5 / 3,
            ("dreg, K = 5", 5): 1.0,
            ("dreg, K = 20", 20): 1.0,
        }
    )
    assert sorted(shown.loc[shown["best"]].index) == [("dreg, K = 5", 5), ("reparam, K = 5", 5)]
    drawn = figures.figure("matrix", found)
    assert "†: biased, as declared" in drawn.axes[0].get_title("left")
    front = figures.rows("frontier", found, ["all"])
    assert set(front.loc[front["front_seconds"], "label"]) == {"reparam, K = 5", "dreg, K = 5", "dreg, K = 20"}
    assert len(figures.figure("frontier", found, groups=["all"]).axes) == 6


def test_what_has_no_variance_stands_on_the_lower_edge_and_on_the_front(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name, variance, seconds in (("reinforce", 1000.0, 1.0), ("reparam", 1.0, 1.0), ("enumerate", 0.0, 3.0)):
        rows = [gradient("variance", variance), gradient("seconds", seconds, group="all")]
        store.write(record(cell(estimator=name, estimator_parameters={}), gradients=rows))
    found = load(tmp_path)
    shown = figures.rows("frontier", found)
    assert set(shown.loc[shown["front_seconds"], "estimator"]) == {"reparam", "enumerate"}
    place = figures.figure("frontier", found).axes[0]
    lowest = min(
        float(np.min(np.asarray(line.get_ydata()))) for line in place.lines if len(np.atleast_1d(line.get_ydata()))
    )
    assert lowest == place.get_ylim()[0] > 0


def test_a_bias_by_chance_is_an_upper_bound(tmp_path: Path) -> None:
    """Of 20 rows, an interval that excludes zero by little is no bias, and one that does by much is."""
    store = Store(tmp_path)
    for samples in range(1, 21):
        low = {1: 0.1, 2: 0.95}.get(samples, 0.0)
        rows = [gradient("variance", 1.0), gradient("bias", 1.0, ci_low=low, ci_high=1.5 - low / 2)]
        store.write(record(cell(estimator="reinforce", estimator_parameters={}, samples=samples), gradients=rows))
    for kind in ("tradeoff", "scaling"):
        shown = figures.rows(kind, load(tmp_path), ["guide"])
        biases = shown if kind == "tradeoff" else shown[shown["metric"] == "bias"]
        assert list(biases.loc[biases["seen"], "samples"]) == [2]


def test_the_front_is_drawn_through_its_points(results: Results) -> None:
    shown = figures.rows("frontier", results, ["guide"])
    axes = figures.draw("frontier", shown, PAGE).axes[1]
    front = next(line for line in axes.lines if line.get_label() == "_Pareto front")
    expected = shown[shown["front_evaluations"]].sort_values("evaluations")
    points = expected[["evaluations", "value"]].to_numpy()
    assert np.asarray(front.get_xydata()) == pytest.approx(points)
    rings = [line for line in axes.lines if line.get_label() == "_front"]
    assert np.concatenate([ring.get_xydata() for ring in rings]) == pytest.approx(points)
    assert [ring.get_markeredgecolor() for ring in rings] == [look(name).colour for name in expected["estimator"]]


def test_scaling_has_the_points_and_the_slopes(results: Results) -> None:
    shown = figures.rows("scaling", results, ["guide"])
    slopes = shown.drop_duplicates(["metric", "label"]).set_index("metric")
    # The means of 3 seeds have errors below 0.06 in the logarithm: a slope over ln 8 is within 0.15 of the truth.
    for metric, slope in (("variance", -1), ("snr", 0.5)):
        assert slopes.loc[metric, "slope"].to_numpy() == pytest.approx([slope] * 3, abs=0.15)
    # Of three seeds, the bias is told apart from zero at fewer than four K.
    assert slopes.loc["bias", "slope"].isna().all()
    assert set(shown["label"]) == set(ESTIMATORS)
    axes = figures.draw("scaling", shown, PAGE).axes[1]
    variance = shown[(shown["metric"] == "variance") & (shown["label"] == "reinforce")]
    points = axes.containers[0].lines[0].get_xydata()  # pyright: ignore[reportAttributeAccessIssue]
    assert points == pytest.approx(variance[["samples", "value"]].to_numpy(float))


def test_the_matrix_is_relative_to_the_best_of_each_task(tmp_path: Path) -> None:
    results = make(tmp_path, samples=(1,), seeds=(0,), tasks=("ppca", "linear-gaussian"))
    shown = figures.rows("matrix", results)
    work = results.gradients[(results.gradients["metric"] == "work_variance") & (results.gradients["group"] == "all")]
    last = work[work["step"] == 100].pivot_table(index="estimator", columns="task", values="value")
    figure = figures.draw("matrix", shown, PAGE)
    drawn = np.asarray(figure.axes[0].collections[0].get_array()).reshape(3, 2)  # pyright: ignore
    assert drawn == pytest.approx((last / last.min()).loc[list(ESTIMATORS)].to_numpy())
    assert figure.axes[0].get_title("left") == "all parameters, K = 1"


def test_training_shows_all_of_one_run(results: Results) -> None:
    one = select(results, estimators=["reparam"], samples=[2])
    figure = figures.figure("training", one)
    labels = [axes.get_ylabel().split("\n")[0] for axes in figure.axes]
    assert labels == ["objective", "gradient norm", "gradient variance", "relative bias", "SNR", "cosine"]
    assert len([line for line in figure.axes[2].lines if line.get_label() != "_seed"]) == len(GROUPS) - 1
    mean = one.final["test_elbo"].mean()
    title = figure._suptitle  # pyright: ignore[reportAttributeAccessIssue]
    assert f"test ELBO −{-mean:.4g}" in title.get_text()


def test_weights_average_to_the_evidence_and_log_weights_to_the_elbo() -> None:
    shown = figures.rows("weights", None)
    bounds = shown[shown["kind"] == "bound"].set_index("samples")["value"]
    # KL(N(2, 1.1²) ‖ N(0, 1)); log w has a standard deviation of 2.2 there, over 2^15 draws: four errors are 0.05.
    elbo = -0.5 * (1.1**2 + 4 - 1 - math.log(1.1**2))
    assert bounds[1] == pytest.approx(elbo, abs=0.05)
    assert bounds.is_monotonic_increasing
    assert bounds[16] < shown.loc[shown["kind"] == "truth", "value"].iloc[0] == 0
    draws = shown[shown["kind"] == "draw"]
    assert np.log(draws["weight"]).to_numpy() == pytest.approx(draws["log_weight"].to_numpy())


def test_weights_take_the_parameters_of_the_results(tmp_path: Path, results: Results) -> None:
    Store(tmp_path).write(record(cell(task="lecture-weights", task_parameters={"loc": 0.0, "scale": 1.0})))
    shown = figures.rows("weights", load(tmp_path))
    assert shown.loc[shown["kind"] == "draw", "log_weight"].to_numpy() == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(Exception, match="no cell of lecture-weights"):
        figures.rows("weights", results)


def test_rows_are_in_the_order_of_the_registry(tmp_path: Path) -> None:
    results = make(tmp_path, estimators=("stl", "reparam", "reinforce"), samples=(1,), seeds=(0,))
    shown: pd.DataFrame = figures.rows("variance", results)
    assert list(dict.fromkeys(shown["label"])) == ["reinforce", "reparam", "stl"]
