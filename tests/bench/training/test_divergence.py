"""The weight of the divergence rises to 1, as it is written, and cells have one text for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.training.divergence import Cyclical, Linear, Weight, parse_weight, weight_text

weights: st.SearchStrategy[Weight] = st.one_of(
    st.builds(Linear, steps=st.integers(1, 100), start=st.floats(0, 1)),
    st.builds(Linear, share=st.floats(0.01, 1), start=st.floats(0, 1)),
    st.builds(Cyclical, st.integers(1, 10), st.floats(0.01, 0.99), st.floats(0, 1)),
)


@given(weights, st.integers(100, 1000))
def test_a_weight_is_between_its_start_and_one(weight: Weight, steps: int) -> None:
    found = [weight.at(step, steps) for step in range(steps)]
    assert found[0] == weight.start  # pyright: ignore[reportAttributeAccessIssue]
    assert all(found[0] <= value <= 1 for value in found)


def test_a_line() -> None:
    weight = parse_weight("linear(steps=4, start=0.2)")
    assert weight is not None
    assert [weight.at(step, 10) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


def test_cycles_of_fu_et_al() -> None:
    weight = parse_weight("cyclical(cycles=2, share=0.5)")
    assert weight is not None
    assert [weight.at(step, 16) for step in range(16)] == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1, 1] * 2)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("none", ""),
        ("1000", "linear(steps=1000)"),
        ("linear(steps=1000, start=0)", "linear(steps=1000)"),
        ("0.25", "linear(share=0.25)"),
        ("linear(start=0.5, share=0.25)", "linear(share=0.25, start=0.5)"),
        ("cyclical", "cyclical"),
        ("cyclical(cycles=2)", "cyclical(cycles=2)"),
    ],
)
def test_what_is_the_same_is_kept_as_one_text(text: str, kept: str) -> None:
    assert weight_text(text) == kept
    assert parse_weight(kept) == parse_weight(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("linear", "needs either its steps or a share"),
        ("linaer(steps=5)", "did you mean 'linear'"),
        ("constant", "there is no KL warm-up 'constant'"),
        ("-5", "not of the form|there is no KL warm-up"),
        ("0", "needs either its steps or a share"),
        ("1.5", "a whole number of at least 1, not 1.5"),
        ("1e999", "finite"),
        ("linear(steps=5, start=2)", "'start' must be in"),
        ("linear(steps=5, end=2)", "no parameter 'end'"),
        ("cyclical(cycles=0)", "a whole number of at least 1, not 0"),
        ("cyclical(share=1)", "'share' must be in \\(0, 1\\)"),
        ("cyclical(start=-1)", "'start' must be in"),
    ],
)
def test_mistakes_are_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_weight(text)


@given(st.text(max_size=30))
def test_any_text_is_a_weight_or_refused(text: str) -> None:
    try:
        weight = parse_weight(text)
    except UsageError:
        return
    assert weight is None or isinstance(weight, Weight)
