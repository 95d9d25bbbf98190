"""What the pictures hold: which images stand where, and what they were decoded from."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from bench.errors import UsageError
from bench.figures.page import Page
from bench.pictures import IMAGES, Misfit, draw
from bench.pictures.codes import codes_of, images_at
from bench.pictures.images import ImageData, image_data
from bench.pictures.interpolation import pairs
from bench.pictures.latent import coloured, project
from bench.pictures.montage import montage
from estimators.draw import Replayed
from tests.bench.pictures.trained import WIDTH, build, images

GAUSSIAN = "vae-mnist(data=5k, latent=3, hidden=8, depth=1)"
TWO_LAYERS = "vae-mnist(data=5k, latent=2, hidden=8, depth=1, layers=2, covariance=full)"
OTHERS = {
    "sbn-mnist(data=5k, latent=4, layers=2)": {"interpolation", "traversal"},
    "vae-categorical(data=5k, variables=2, categories=3, wide=4, narrow=4)": {"interpolation", "traversal"},
    "mixture-vae-mnist(data=5k, components=3, latent=2, hidden=4)": {"interpolation", "traversal"},
    "vae-gamma(data=5k, latent=3, hidden=4, depth=1)": {"traversal"},
    "vae-dirichlet(data=5k, latent=3, hidden=4, depth=1)": {"traversal"},
}


def shown(figure: Figure) -> np.ndarray:
    """Return the montage that a figure shows, NaN between images."""
    ((image,),) = (axes.get_images() for axes in figure.axes)
    array = image.get_array()
    assert array is not None
    return np.ma.filled(array.astype(float), np.nan)


def cell_at(whole: np.ndarray, row: int, column: int, rows: int, columns: int) -> np.ndarray:
    """Return one image of a montage with a wider gap behind any row or column, found by its ink-free gaps."""
    filled_rows = np.flatnonzero(~np.isnan(whole).all(1)).reshape(rows, WIDTH)
    filled_columns = np.flatnonzero(~np.isnan(whole).all(0)).reshape(columns, WIDTH)
    return whole[np.ix_(filled_rows[row], filled_columns[column])]


def test_montage_puts_images_in_rows_and_columns():
    cells = np.arange(2 * 3 * 4 * 4, dtype=float).reshape(2, 3, 4, 4)
    whole, centres, middles = montage(cells, below=(0,), beside=(1,))
    assert whole.shape == (4 + 1 + 1 + 4, 4 + 1 + 4 + 1 + 1 + 4)
    np.testing.assert_array_equal(whole[6:, 5:9], cells[1, 1])
    assert np.isnan(whole[4:6]).all()
    assert (centres.tolist(), middles.tolist()) == ([1.5, 7.5], [1.5, 6.5, 12.5])


@pytest.mark.parametrize("spec", [GAUSSIAN, TWO_LAYERS])
@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("page", [Page("neurips", 2), Page("icml", 1)])
def test_every_kind_fits_gaussian_latents(kind: str, spec: str, page: Page):
    figure = draw(kind, build(spec), images(), page)
    assert figure.get_figwidth() == page.width


@pytest.mark.parametrize("spec", OTHERS)
def test_a_kind_that_does_not_fit_says_why(spec: str):
    task = build(spec)
    for kind in IMAGES:
        if kind in OTHERS[spec]:
            with pytest.raises(Misfit, match=rf"{kind} needs a (continuous latent|Gaussian prior)"):
                draw(kind, task, images(), Page())
        else:
            draw(kind, task, images(), Page())


def test_prior_shows_means_at_draws():
    task = build(GAUSSIAN)
    torch.manual_seed(1)
    whole = shown(draw("prior", task, images(), Page()))
    torch.manual_seed(1)
    z = torch.randn(1, 96, 3)
    expected = task.model.mean({"z": z})[0].detach()
    for row, column in ((0, 0), (2, 5), (5, 15)):
        expected_image = expected[16 * row + column].reshape(WIDTH, WIDTH).double().numpy()
        np.testing.assert_allclose(cell_at(whole, row, column, 6, 16), expected_image)


def test_reconstructions_stand_below_their_originals():
    task, data = build(GAUSSIAN), images()
    torch.manual_seed(1)
    whole = shown(draw("reconstructions", task, data, Page("neurips", 1)))
    torch.manual_seed(1)
    places = torch.randperm(60)[:24]
    x = data.x[places]
    head = task.get_submodule("guide.head")(task.get_submodule("guide.features")(x))
    z = head.mean + head.stddev * torch.randn(1, 24, 3)
    expected = task.model.mean({"z": z})[0].detach().double()
    for pair, column in ((0, 0), (1, 3), (2, 7)):
        original, rebuilt = (cell_at(whole, 2 * pair + below, column, 6, 8) for below in (0, 1))
        np.testing.assert_array_equal(original, x[8 * pair + column].reshape(WIDTH, WIDTH).double().numpy())
        np.testing.assert_allclose(rebuilt, expected[8 * pair + column].reshape(WIDTH, WIDTH).numpy(), rtol=1e-5)


def test_interpolation_runs_from_one_reconstruction_to_the_other():
    task, data = build(GAUSSIAN), images()
    torch.manual_seed(1)
    whole = shown(draw("interpolation", task, data, Page("neurips", 1)))
    torch.manual_seed(1)
    first, second = pairs(data, 6)
    assert data.labels is not None
    assert (data.labels[first.numpy()] != data.labels[second.numpy()]).all()
    ends = [codes_of(task, data.x[places], "z")[2] for places in (first, second)]
    for column, share in ((1, 0.0), (3, 0.4), (6, 1.0)):
        z = (1 - share) * ends[0] + share * ends[1]
        expected = images_at(task, "z", z[None]).reshape(WIDTH, WIDTH).double().numpy()
        np.testing.assert_allclose(cell_at(whole, 2, column, 6, 8), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(cell_at(whole, 2, 7, 6, 8), data.shaped(data.x[second[2]]))


def test_traversal_orders_units_by_activity_and_varies_one():
    task, data = build(GAUSSIAN), images()
    torch.manual_seed(1)
    figure = draw("traversal", task, data, Page("neurips", 1))
    torch.manual_seed(1)
    means = codes_of(task, data.x, "z")
    place = int(torch.randperm(60)[0])
    units = means.var(0).argsort(descending=True).tolist()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert [label.split()[0] for label in labels] == [f"z[{unit}]" for unit in units]
    assert labels[0].split()[1] == f"{means.double().var(0)[units[0]]:.2f}"
    at = means[place].clone()
    at[units[1]] = -2.0
    expected = images_at(task, "z", at[None]).reshape(WIDTH, WIDTH).double().numpy()
    np.testing.assert_allclose(cell_at(shown(figure), 1, 2, 3, 8), expected, rtol=1e-5)


def test_a_unit_that_follows_the_noise_above_it_is_not_active():
    task, data = build(TWO_LAYERS), images(1000)
    with torch.no_grad():
        # q(z1|x) is the same for every x, and the means of z2 move with the draws of z1 only.
        task.get_submodule("guide.first_head.diagonal.loc_and_log_scale").get_parameter("weight").zero_()
    means = codes_of(task, data.x, "z2")
    assert (means.var(0) > 0.02).all()
    (label,) = draw("traversal", task, data, Page()).axes[0].get_yticklabels()
    assert abs(float(label.get_text().split()[1].replace("−", "-"))) < 0.02


def test_inactive_units_are_left_out():
    task = build(GAUSSIAN)
    weights = task.get_submodule("guide.head.loc_and_log_scale").get_parameter("weight")
    with torch.no_grad():
        weights[1] = 0
    figure = draw("traversal", task, images(), Page())
    assert {label.get_text()[:4] for label in figure.axes[0].get_yticklabels()} == {"z[0]", "z[2]"}


def test_below_the_top_means_are_taken():
    task = build(TWO_LAYERS)
    z2 = torch.randn(4, 2)
    z1 = task.get_submodule("model.above_head")(task.get_submodule("model.above")(z2)).mean
    expected = task.model.mean({"z1": z1[None], "z2": z2[None]})[0]
    torch.testing.assert_close(images_at(task, "z2", z2), expected)


def test_posterior_means_of_a_conditional_site_average_over_the_other():
    task, x = build(TWO_LAYERS), images().x[:2]
    torch.manual_seed(1)
    found = codes_of(task, x, "z2")
    torch.manual_seed(1)
    z1 = task.get_submodule("guide.first_head")(task.get_submodule("guide.first")(x))
    drawn = z1.mean + (z1.scale_tril @ torch.randn(10, 2, 4)[..., None])[..., 0]
    draw_again = Replayed({"z1": drawn, "z2": torch.zeros(10, 2, 2)})
    task.guide(x, draw_again)
    torch.testing.assert_close(found, draw_again.trace.sites["z2"].distribution.mean.mean(0))


def test_two_latents_are_shown_as_they_are_and_more_by_principal_components():
    means = np.random.default_rng(0).normal(size=(500, 2)) * [1.0, 2.0]
    plane = project(means, "z")
    np.testing.assert_array_equal(plane.points, means)
    assert "component" not in "".join(plane.axes)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    wide = np.concatenate([means, np.zeros((500, 3))], 1) @ turned
    plane = project(wide, "z")
    centred = means - means.mean(0)
    # Distances within the plane that holds all points are what they were.
    np.testing.assert_allclose(plane.points @ plane.points.T, centred @ centred.T, atol=1e-9)
    first, second = np.cov(plane.points.T).diagonal()
    assert first > second
    assert f"{100 * first / (first + second):.0f}% of variance" in plane.axes[0]
    with pytest.raises(Misfit, match="two latent coordinates"):
        project(means[:, :1], "z")


def test_points_are_coloured_by_label():
    task, data = build(GAUSSIAN), images()
    figure = draw("latent", task, data, Page())
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["none", "one", "two"]
    assert sum(len(points.get_offsets()) for points in figure.axes[0].collections) == 60  # pyright: ignore
    without = draw("latent", task, images(labelled=False), Page())
    assert without.axes[0].get_legend() is None


def test_labels_beyond_the_colours_share_grey():
    labels = np.repeat(np.arange(12), np.arange(1, 13))
    groups = coloured(labels, (), len(labels))
    assert groups[0][0] == "2 others"
    assert groups[0][2].sum() == 1 + 2
    assert [name for name, _, _ in groups[1:]] == [str(label) for label in range(2, 12)]
    assert sum(mask.sum() for _, _, mask in groups) == len(labels)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(UsageError, match="did you mean 'traversal'"):
        draw("traversel", build(GAUSSIAN), images(), Page())


def test_test_images_come_as_the_model_sees_them():
    data = image_data(build(GAUSSIAN))
    assert isinstance(data, ImageData)
    assert data.x.unique().tolist() == [0, 1]
    assert (data.width, data.dark, data.classes) == (28, True, tuple("0123456789"))
    assert data.labels is not None
    assert len(data.labels) == len(data.x) == 1000
