"""Numbers sort as numbers, estimators as `bench list` has them."""

import random

from bench.results.order import by_number, cell_order
from tests.bench.results.samples import cell


def test_numbers_in_texts_are_in_their_order() -> None:
    texts = ["dim=2", "dim=10", "dim=100", "rate=1e-05", "rate=0.001", "rate=0.5", "rate=3", "rate=20"]
    mixed = random.Random(0).sample(texts, len(texts))
    assert sorted(mixed, key=by_number) == texts


def test_texts_that_begin_with_a_number_are_comparable_with_others() -> None:
    assert sorted(["b", "10", "2", "a"], key=by_number) == ["2", "10", "a", "b"]


def test_cells_are_in_the_order_of_task_estimator_samples_and_seed() -> None:
    cells = [
        cell(task=task, task_parameters={"dim": dim}, estimator=estimator, samples=samples, seed=seed)
        for task, dim in (("gaussian-quadratic", 2), ("gaussian-quadratic", 10), ("ppca", 2))
        for estimator in ("reinforce", "reparam", "dreg", "a:Stranger")
        for samples in (1, 2, 10)
        for seed in (0, 2, 11)
    ]
    assert sorted(random.Random(0).sample(cells, len(cells)), key=cell_order) == cells
