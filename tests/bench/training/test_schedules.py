"""Step-size schedules stay within (0, 1], never rise, and are what the papers say."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.training.schedules import RobbinsMonro, Schedule, Staged, parse_schedule

schedules: st.SearchStrategy[Schedule] = st.one_of(
    st.just(parse_schedule("constant")),
    st.builds(RobbinsMonro, st.floats(0.51, 1.0), st.floats(1e-3, 1e4)),
    st.builds(Staged, st.integers(2, 10), st.floats(0.5, 4.0)),
)


@given(schedules, st.integers(1, 5000))
def test_multipliers_start_at_one_and_never_rise(schedule: Schedule, steps: int) -> None:
    values = [schedule.multiplier(step, steps) for step in sorted({0, steps // 7, steps // 2, steps - 1})]
    assert values[0] == 1
    assert all(0 < later <= earlier for earlier, later in itertools.pairwise(values))


@given(st.floats(0.51, 1.0), st.floats(1.0, 1e3))
def test_robbins_monro_is_read_from_its_text(power: float, delay: float) -> None:
    assert parse_schedule(f"robbins-monro(power={power}, delay={delay})") == RobbinsMonro(power, delay)


def test_staged_is_burdas() -> None:
    schedule = parse_schedule("staged")
    steps = sum(3**stage for stage in range(8))
    found = [schedule.multiplier(step, steps) for step in range(steps)]
    assert [found.count(10 ** (-stage / 7)) for stage in range(8)] == [3**stage for stage in range(8)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("constnat", "did you mean 'constant'"),
        ("robbins-monro(powr=1)", "did you mean 'power'"),
        ("robbins-monro(power=0.5)", "in \\(0.5, 1\\]"),
        ("robbins-monro(delay=0)", "positive delay"),
        ("robbins-monro(power=high)", "must be a number"),
        ("robbins-monro(power=true)", "must be a number"),
        ("staged(stages=1)", "at least 2 stages"),
        ("staged(stages=2.5)", "a whole number"),
        ("robbins-monro(delay=1e999)", "'delay' must be a finite number"),
        ("constant(a=1)", "no parameter 'a'"),
    ],
)
def test_mistakes_are_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_schedule(text)


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except UsageError:
        return
    assert isinstance(schedule, Schedule)
