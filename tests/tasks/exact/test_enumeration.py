import itertools
import math

import torch

from tasks.exact.enumeration import choices, joint_states, vectors


def test_vectors_are_all_and_distinct():
    found = vectors(3, 2)
    assert sorted(map(tuple, found.tolist())) == list(itertools.product(range(3), repeat=2))


def test_joint_states_combine_every_value_of_every_site():
    a, b = torch.tensor([0.0, 1.0]), torch.eye(3)
    states = joint_states({"a": a, "b": b})
    assert states["a"].shape == (6,)
    assert states["b"].shape == (6, 3)
    assert len({(float(x), *y) for x, y in zip(states["a"], map(tuple, states["b"].tolist()), strict=True)}) == 6


def test_choices_count_the_orders_they_stand_for():
    index, multiplicity = choices(4, 3)
    assert index.shape == (3, math.comb(6, 3))
    assert multiplicity.sum() == 4**3
    for column, count in zip(index.T, multiplicity, strict=True):
        assert len(set(itertools.permutations(column.tolist()))) == count
