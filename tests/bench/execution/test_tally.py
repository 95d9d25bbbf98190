"""A grid says where it is, and how long the rest will take."""

import random
from itertools import product
from statistics import mean

from bench.execution.pace import duration
from bench.execution.tally import Tally
from bench.settings import Cell
from tests.bench.results.samples import cell


def grid() -> list[Cell]:
    return [cell(estimator=name, samples=samples) for name in ("reinforce", "iwae") for samples in (1, 5)]


def test_cells_are_counted_in_the_order_in_which_they_are_looked_at() -> None:
    cells = grid()
    tally = Tally(cells, {one.id: True for one in cells})
    assert tally.place(cells[:1]) == "[1/4] "
    assert tally.place(cells[1:3]) == "[2–3/4] "
    # Again, after its companions did not fit into memory.
    assert tally.place(cells[2:3]) == "[3/4] "
    assert tally.place(cells[3:]) == "[4/4] "


def test_one_cell_is_no_grid() -> None:
    (one, *_) = grid()
    tally = Tally([one], {one.id: True})
    assert tally.place([one]) == ""
    assert tally.ran([one], 2.0) == "took 2.0 s"


def test_what_is_left_is_expected_to_take_as_long_as_what_is_most_like_it() -> None:
    cells = [cell(estimator=name, seed=seed) for name in ("reinforce", "iwae") for seed in range(3)]
    tally = Tally(cells, {one.id: True for one in cells})
    assert tally.ran(cells[:1], 10.0) == "took 10 s; 5 of 6 cells to go, about 50 s"
    assert tally.ran(cells[3:4], 100.0) == "took 1 min 40 s; 4 of 6 cells to go, about 3 min 40 s"
    tally.found(cells[1])
    assert tally.ran(cells[2:3], 12.0) == "took 12 s; 2 of 6 cells to go, about 3 min 20 s"
    assert tally.ran(cells[4:], 200.0) == "took 3 min 20 s"


def test_results_that_are_there_are_not_counted_as_work() -> None:
    cells = grid()
    tally = Tally(cells, {one.id: place == 3 for place, one in enumerate(cells)})
    for one in cells[:3]:
        tally.found(one)
    assert tally.ran(cells[3:], 3.0) == "took 3.0 s"


def test_what_is_left_is_what_adding_up_all_that_is_left_says() -> None:
    chance = random.Random(0)
    cells = [
        cell(task=task, estimator=name, samples=samples, seed=seed)
        for task, name, samples, seed in product(("a", "b", "c"), ("reinforce", "iwae", "stl"), (1, 5), range(4))
    ]
    chance.shuffle(cells)
    left = {one.id: one for one in cells if chance.random() < 0.8}
    tally = Tally(cells, {one.id: one.id in left for one in cells})
    took: dict[object, list[float]] = {}
    for one in cells:
        left.pop(one.id, None)
        if chance.random() < 0.3:
            tally.found(one)
            continue
        seconds = 600 * chance.random()
        for kind in _kinds(one):
            took.setdefault(kind, []).append(seconds)
        rest = sum(mean(next(took[kind] for kind in _kinds(other) if kind in took)) for other in left.values())
        said = f"; {len(left)} of {len(cells)} cells to go, about {duration(rest)}" if left else ""
        assert tally.ran([one], seconds) == f"took {duration(seconds)}{said}"


def _kinds(one: Cell) -> list[object]:
    return [(one.task, one.estimator, one.samples), one.task, "any"]
