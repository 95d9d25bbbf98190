import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from bench.figures import palette
from bench.figures.palette import COLOURS, MARKERS, Looks, look, sizes
from bench.names.registry import ESTIMATORS
from estimators import SEATS

# Machado, Oliveira & Fernandes (2009): how full dichromats see linear RGB.
DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def _lab(colours: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return CIELAB of sRGB colours [N, 3] as somebody sees them."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4) @ seen.T
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = np.clip(linear, 0, 1) @ to_xyz.T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("vision", ["usual", *DICHROMATS])
def test_relatives_are_told_apart_by_dichromats_too(vision: str) -> None:
    """Estimators within six places of each other differ by 8 in CIELAB, several times what is just noticeable."""
    seen = np.array(DICHROMATS[vision]) if vision in DICHROMATS else np.eye(3)
    lab = _lab(np.array([to_rgb(colour) for colour in COLOURS]), seen)
    for first, second in itertools.combinations(range(len(COLOURS)), 2):
        assert np.linalg.norm(lab[first] - lab[second]) > 8, (COLOURS[first], COLOURS[second])


def test_no_two_estimators_have_the_same_colour_and_marker() -> None:
    looks = Looks(ESTIMATORS.names())
    assert len({looks(name)[:2] for name in ESTIMATORS.names()}) == len(ESTIMATORS.names())


def test_no_colour_is_lost_on_white_paper() -> None:
    lightness = _lab(np.array([to_rgb(colour) for colour in COLOURS]), np.eye(3))[:, 0]
    assert lightness.max() < 75


def test_configurations_of_an_estimator_differ_in_line_and_filling() -> None:
    first, second = look("reinforce"), look("reinforce", 1)
    assert (first.colour, first.marker) == (second.colour, second.marker)
    assert first.line != second.line
    fillings = {
        str((of.markers["markerfacecolor"], of.part)) for of in (look("reinforce", place) for place in range(4))
    }
    assert len(fillings) == 4


def test_more_samples_have_bigger_and_darker_markers_and_nothing_else_has() -> None:
    assert {count: of.size for count, of in sizes([8, 1, 1, 2]).items()} == {1: 3.5, 2: 4.5, 8: 5.5}
    shades = [
        _lab(np.array([to_rgb(of.of(look("reinforce")).colour)]), np.eye(3))[0, 0] for of in sizes([1, 2, 8]).values()
    ]
    assert shades[0] > shades[1] > shades[2]
    assert sizes([4])[4].of(look("reinforce")).colour == look("reinforce").colour.lower()
    assert {look("reinforce", variant).size for variant in range(6)} == {3.5}


def test_a_stranger_has_a_look_that_stays() -> None:
    assert look("mine:Mine") == look("mine:Mine")


@pytest.mark.parametrize("count", [2, 6, 10])
def test_up_to_ten_estimators_of_a_figure_have_a_colour_each(count: int) -> None:
    """`reinforce` and `vimco` once shared an orange; no such pair is left, whichever ten are drawn."""
    names, generator = list(SEATS), np.random.default_rng(0)
    for _ in range(200):
        chosen = [str(name) for name in generator.choice(names, count, replace=False)]
        looks = Looks(chosen)
        assert len({looks(name).colour for name in chosen}) == count
        assert len({looks(name).marker for name in chosen}) == min(count, len(MARKERS))


def test_the_first_in_the_registry_keeps_its_seat_and_the_next_gives_way() -> None:
    together = Looks(["vimco", "reinforce"])
    assert look("reinforce").colour == look("vimco").colour
    assert together("reinforce") == look("reinforce")
    assert together("vimco").colour == COLOURS[(SEATS["vimco"] + 1) % len(COLOURS)]


def test_of_more_than_ten_those_of_a_colour_differ_in_their_marker() -> None:
    looks = Looks(SEATS)
    assert len({looks(name)[:2] for name in SEATS}) == len(SEATS)


def test_more_estimators_than_looks_are_drawn() -> None:
    names = [f"mine:Estimator{number}" for number in range(200)]
    looks = Looks(names)
    assert len({looks(name)[:2] for name in names}) == len(COLOURS) * len(MARKERS)


def test_a_new_estimator_in_the_middle_moves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: look(name) for name in SEATS}
    names = list(SEATS)
    inserted = [*names[:5], "new", *names[5:]]
    monkeypatch.setattr(palette, "SEATS", {name: SEATS.get(name, max(SEATS.values()) + 1) for name in inserted})
    assert {name: look(name) for name in SEATS} == before


def test_seats_are_taken_once() -> None:
    assert len(set(SEATS.values())) == len(SEATS) <= len(COLOURS) * len(MARKERS)
