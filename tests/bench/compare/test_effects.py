"""Differences and their errors, against scipy and by simulation."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.compare.effects import NONE, Effect, Reading, from_errors, paired, unpaired

finite = st.floats(-1e6, 1e6)
errors = st.floats(0, 1e3)
readings = st.builds(Reading, finite, errors, errors)


def test_paired_and_unpaired_are_student_and_welch() -> None:
    generator = np.random.default_rng(0)
    base, new = generator.normal(0, 1, 5), generator.normal(0.5, 3, 5)
    student: Any = stats.ttest_rel(new, base)
    assert paired(list(base), list(new)).p_value() == pytest.approx(student.pvalue)
    welch: Any = stats.ttest_ind(new, base[:4], equal_var=False)
    assert unpaired(list(base[:4]), list(new)).p_value() == pytest.approx(welch.pvalue)
    assert unpaired(list(base[:4]), list(new)).interval() == pytest.approx(tuple(welch.confidence_interval()))


def test_ends_of_asymmetric_intervals_combine_crosswise() -> None:
    effect = from_errors([Reading(1.0, 3.0, 4.0)], [Reading(2.0, 0.6, 0.8)])
    assert effect.below == pytest.approx(math.hypot(4.0, 0.6))
    assert effect.above == pytest.approx(math.hypot(3.0, 0.8))


def test_a_bias_whose_interval_reaches_zero_is_no_rise() -> None:
    # t · below = value: the interval's lower end is zero.
    clipped = Reading(0.3, 0.3 / float(stats.t.ppf(0.975, 19)), 0.1)
    assert from_errors([Reading(0.0, 0.0, 0.05)], [clipped]).p_value() > 0.05


def test_no_error_and_no_difference() -> None:
    assert NONE.p_value() == 1
    assert Effect(1e-300, 0.0, 0.0, math.inf).p_value() == 0
    assert Effect(math.inf, 0.0, 0.0, math.inf).p_value() == 0


def test_detectable_is_found_with_80_percent_power() -> None:
    effect = Effect(0.0, 1.0, 1.0, 38)
    size = effect.detectable(0.01)
    generator = np.random.default_rng(1)
    values: list[float] = (size + generator.normal(size=20_000)).tolist()
    errors: list[float] = np.sqrt(generator.chisquare(38, 20_000) / 38).tolist()
    p = [Effect(value, error, error, 38).p_value() for value, error in zip(values, errors, strict=True)]
    # 20 000 Bernoulli draws: five standard errors are 0.014; the normal shift of t is off by no more than that again.
    assert np.mean(np.array(p) <= 0.01) == pytest.approx(0.8, abs=0.03)


def test_a_norm_that_was_found_to_be_zero_is_not_known_to_be() -> None:
    """A rise from 0 ± 0.05 must be larger than that to be found, though 0 has no error downwards."""
    effect = from_errors([Reading(0.01, 0.005, 0.001)], [Reading(0.0, 0.0, 0.05)])
    assert effect.detectable(0.05) > 2 * 0.05


@given(st.lists(readings, min_size=1, max_size=5), st.lists(readings, min_size=1, max_size=5))
def test_swapping_the_sides_turns_the_sign(base: list[Reading], new: list[Reading]) -> None:
    there, back = from_errors(base, new), from_errors(new, base)
    assert there.value == pytest.approx(-back.value, abs=1e-6)
    assert (there.below, there.above) == pytest.approx((back.above, back.below))
    assert there.p_value() == pytest.approx(back.p_value(), abs=1e-6)


@given(st.lists(readings, min_size=1, max_size=5), st.lists(readings, min_size=1, max_size=5))
def test_the_interval_excludes_zero_where_p_is_small(base: list[Reading], new: list[Reading]) -> None:
    effect = from_errors(base, new)
    low, high = effect.interval()
    assert low <= effect.value <= high
    p = effect.p_value()
    assert 0 <= p <= 1
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (low > 0 or high < 0)
