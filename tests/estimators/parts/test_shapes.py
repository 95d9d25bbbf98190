import torch

from estimators.parts.shapes import as_events, flat_events, sum_events

SCALAR, VECTOR, MATRIX = torch.ones(3, 2), torch.ones(3, 2, 4), torch.ones(3, 2, 4, 5)


def test_event_axes_are_put_into_one_which_a_scalar_event_gets():
    assert [tuple(flat_events(value).shape) for value in (SCALAR, VECTOR, MATRIX)] == [(3, 2, 1), (3, 2, 4), (3, 2, 20)]


def test_event_axes_are_summed_over():
    assert [sum_events(value).unique().tolist() for value in (SCALAR, VECTOR, MATRIX)] == [[1.0], [4.0], [20.0]]
    assert {tuple(sum_events(value).shape) for value in (SCALAR, VECTOR, MATRIX)} == {(3, 2)}


def test_a_weight_multiplies_events():
    assert [as_events(SCALAR, value).dim() for value in (SCALAR, VECTOR, MATRIX)] == [2, 3, 4]
