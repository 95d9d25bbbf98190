"""`--fail-if` thresholds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare.quantities import ON_REQUEST, QUANTITIES, parse_threshold, with_thresholds
from bench.errors import UsageError


def test_thresholds_are_margins_too() -> None:
    threshold = parse_threshold(" variance : +25% ")
    assert (threshold.name, threshold.change) == ("variance", 0.25)
    changed = with_thresholds([threshold, parse_threshold("test_elbo:-2")])
    assert changed["variance"].margin == 0.25
    assert changed["test_elbo"].margin == 2
    assert changed["train_elbo"] == QUANTITIES["train_elbo"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("variance", "not a threshold"),
        ("variance:10%", "not a threshold"),
        ("variance:+ten%", "not a threshold"),
        (f"variance:+1{'0' * 400}%", "too large"),
        ("varience:+10%", "did you mean 'variance'"),
        ("variance:+10", "write a %"),
        ("test_elbo:-1%", "leave the % out"),
        ("variance:-10%", "that would be better; write variance:\\+10%"),
        ("test_elbo:+1", "that would be better; write test_elbo:-1"),
        ("completed:-1", "not compared"),
    ],
)
def test_other_forms_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_threshold(text)


@given(st.text(max_size=20))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        threshold = parse_threshold(text)
    except UsageError:
        return
    assert threshold.name in QUANTITIES or threshold.name in ON_REQUEST


def test_a_perplexity_is_better_where_it_is_less() -> None:
    assert QUANTITIES["test_perplexity"].better == -1
    assert parse_threshold("test_perplexity:+5%").change == 0.05
    with pytest.raises(UsageError, match="that would be better; write test_perplexity:\\+5%"):
        parse_threshold("test_perplexity:-5%")


def test_a_cost_relative_to_the_model_is_compared_where_it_is_asked_for() -> None:
    assert "relative_cost" not in QUANTITIES
    assert "relative_cost" not in with_thresholds([parse_threshold("seconds:+25%")])
    asked = with_thresholds([parse_threshold("relative_cost:+50%")])["relative_cost"]
    assert (asked.margin, asked.better, asked.beyond_margin) == (0.5, -1, True)


@given(st.sampled_from(list(QUANTITIES)), st.floats(-5, 5))
def test_a_natural_change_has_the_sign_of_the_change(name: str, change: float) -> None:
    natural = QUANTITIES[name].natural(change)
    assert math.copysign(1, natural) == math.copysign(1, change) or change == 0
