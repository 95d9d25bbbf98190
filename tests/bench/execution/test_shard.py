import random

import pytest

from bench.errors import UsageError
from bench.execution.companions import BatchSeeds
from bench.execution.shard import Shard
from bench.settings import Cell, Training
from tests.bench.results.samples import cell

CELLS = [
    cell(samples=samples, seed=seed, training=Training(steps, 1, "adam", 1e-2, 1e-2, "constant"))
    for samples in range(1, 8)
    for steps in (0, 100)
    for seed in range(3)
]


@pytest.mark.parametrize("mode", ["auto", "on", "off"])
@pytest.mark.parametrize("parts", [1, 2, 5, 100])
def test_every_cell_is_in_exactly_one_part(mode: BatchSeeds, parts: int) -> None:
    found = [Shard(part, parts).of(CELLS, mode) for part in range(1, parts + 1)]
    assert sorted(one.id for part in found for one in part) == sorted(one.id for one in CELLS)
    for part in found:
        assert part == [one for one in CELLS if one in part], "its order is that of the plan"


@pytest.mark.parametrize(("mode", "together"), [("auto", True), ("on", True), ("off", False)])
def test_seeds_that_may_be_trained_together_stay_together(mode: BatchSeeds, together: bool) -> None:
    trained = [one for one in CELLS if one.training.steps]
    parts: dict[str, set[int]] = {}
    for part in range(1, 10):
        for one in Shard(part, 9).of(trained, mode):
            parts.setdefault(one.configuration, set()).add(part)
    assert all(len(found) == 1 for found in parts.values()) is together


def test_without_training_seeds_are_divided() -> None:
    seeds = [cell(seed=seed, training=Training(0, 1, "adam", 1e-2, 1e-2, "constant")) for seed in range(10)]
    assert {len(Shard(part, 5).of(seeds, "auto")) for part in range(1, 6)} == {2}


def test_a_part_does_not_depend_on_the_order_in_which_cells_are_asked_for() -> None:
    shuffled: list[Cell] = [*CELLS]
    random.Random(0).shuffle(shuffled)
    part = Shard(2, 3)
    assert {one.id for one in part.of(shuffled, "auto")} == {one.id for one in part.of(CELLS, "auto")}


def test_no_part_has_all_of_one_axis() -> None:
    assert len({one.samples for one in Shard(1, 2).of(CELLS, "off")}) >= 5
    assert {one.training.steps for one in Shard(1, 2).of(CELLS, "off")} == {0, 100}


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "1/2/3", "-1/2", "1.5/2", "", "1/99999999999"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a part of a grid: give i/n"):
        Shard.parse(text)


def test_a_part_is_read_and_written() -> None:
    assert str(Shard.parse(" 2/3")) == "2/3"
