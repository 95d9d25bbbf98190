# The stubs of matplotlib know less than these tests about what is on the axes.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportIndexIssue=false, reportCallIssue=false
# pyright: reportOptionalMemberAccess=false
"""Clusters, tracks and topics: what stands where, and in which colour."""

import math

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Ellipse

from bench.figures.page import Page
from bench.names.registry import TASKS
from bench.names.spec import parse_spec
from bench.pictures import Misfit, draw
from bench.pictures.subjects import data_of, kinds_of
from bench.pictures.tracks import marginals, paths
from estimators.draw import Detached
from tests.bench.pictures.trained import build

PAGE = Page("icml", 1)


def _task(spec: str):
    torch.manual_seed(0)
    return TASKS.build(parse_spec(spec))


def test_a_cluster_is_the_points_that_the_guide_gives_to_a_component_and_its_ellipse() -> None:
    task = _task("gaussian-mixture(components=3, n=60)")
    x = data_of(task)
    with torch.no_grad():
        task.model.log_diagonal.fill_(math.log(2.0))
        task.model.logits.copy_(torch.tensor([0.0, 2.0, 1.0]))
    figure = draw("clusters", task, x, PAGE)
    [axes] = figure.axes
    taken = task.guide.network(x).argmax(-1)
    sizes = [len(points.get_offsets()) for points in axes.collections]
    assert sizes == [int((taken == component).sum()) for component in (1, 2, 0)]
    ellipses = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
    # A precision of 4 in every direction: two standard deviations on either side are 2 across.
    assert np.array([(one.width, one.height) for one in ellipses]) == pytest.approx(np.full((3, 2), 2.0))
    assert np.array([one.center for one in ellipses]) == pytest.approx(task.model.loc[[1, 2, 0]].detach().numpy())
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["π = 0.67", "π = 0.24", "π = 0.09"]


def test_a_track_turns_by_its_angles() -> None:
    steps = torch.tensor([[[0.0, 3.0], [math.log(2.0), math.pi / 2], [0.0, math.pi / 2]]], dtype=torch.float64)
    assert paths(steps)[0] == pytest.approx(np.array([[0, 0], [1, 0], [1, 2], [0, 2]]), abs=1e-12)


@pytest.mark.parametrize("guide", ["markov", "mean-field"])
def test_activities_are_the_guides_marginals(guide: str) -> None:
    """20 000 draws: a share is known to 0.0035, and nine of them are within five errors but for one run in 10^5."""
    task = _task(f"hmm(states=3, length=3, n=4, guide={guide})")
    x = data_of(task)[:1]
    if task.guide.transition is not None:
        with torch.no_grad():
            task.guide.transition.copy_(torch.randn(3, 3))
    drawn = Detached(20_000)
    with torch.no_grad():
        task.guide(x, drawn)
        shares = torch.stack([drawn.trace.latents[f"z{time}"].double().mean((0, 1)) for time in (1, 2, 3)])
        assert marginals(task, x)[0].numpy() == pytest.approx(shares.numpy(), abs=0.0175)


def test_each_step_of_a_track_has_the_colour_of_its_activity() -> None:
    task = _task("hmm(states=2, length=5, n=8)")
    x = data_of(task)
    torch.manual_seed(1)
    figure = draw("tracks", task, x, PAGE)
    torch.manual_seed(1)
    shown = x[torch.randperm(len(x))]
    activity = marginals(task, shown).argmax(-1)
    colours = {}
    for axes, states in zip(figure.axes, activity.tolist(), strict=True):
        segments = [line for line in axes.lines if line.get_linestyle() == "-" and line.get_marker() == "None"]
        assert len(segments) == 5
        for segment, state in zip(segments, states, strict=True):
            colours.setdefault(state, set()).add(to_hex(segment.get_color()))
    assert all(len(of_state) == 1 for of_state in colours.values())


def test_topics_of_generated_documents_are_squares_and_of_a_corpus_words() -> None:
    task = _task("lda(topics=4, side=3, length=5, n=4)")
    figure = draw("topics", task, data_of(task), PAGE)
    probabilities = task.model.logits.softmax(-1).detach().numpy()
    drawn = [np.ravel(axes.get_images()[0].get_array()) for axes in figure.axes if axes.get_images()]
    assert np.array(drawn) == pytest.approx(probabilities)


def test_words_of_a_corpus_have_bars_the_most_probable_first(monkeypatch: pytest.MonkeyPatch) -> None:
    task = _task("lda(topics=2, side=4, length=5, n=4)")
    x = data_of(task)
    monkeypatch.setattr(task, "data", "ap")
    words = [[f"word{number}" for number in range(8)], [f"other{number}" for number in range(8)]]
    monkeypatch.setattr(task, "topics", lambda count: words)
    figure = draw("topics", task, x, PAGE)
    assert [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes] == words
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == sorted(widths, reverse=True)


def test_a_kind_shows_its_own_subject() -> None:
    images = build("vae-mnist(data=5k, latent=2, hidden=4, depth=1)")
    mixture = _task("gaussian-mixture(components=2, n=8)")
    assert kinds_of(mixture) == ("clusters",)
    assert kinds_of(images)[0] == "prior"
    with pytest.raises(Misfit, match="prior shows an image model, but this run is of gaussian-mixture"):
        draw("prior", mixture, data_of(mixture), PAGE)
    with pytest.raises(Misfit, match="clusters shows a GaussianMixture, but this run is of vae-mnist"):
        draw("clusters", images, data_of(mixture), PAGE)
