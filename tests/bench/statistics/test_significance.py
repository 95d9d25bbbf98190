# The stubs of scipy leave out the attributes of its test results.
# pyright: reportAttributeAccessIssue=false
import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics.significance import LEVEL, significantly_best


def test_the_p_value_is_welchs() -> None:
    """Two groups whose one-sided p straddles 5%, by scipy."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 1, 4), generator.normal(0, 2, 6)
    verdicts = set()
    for shift in np.linspace(0, 6, 25):
        values = [float(first.mean() + shift), float(second.mean())]
        errors = [float(stats.sem(first)), float(stats.sem(second))]
        p = stats.ttest_ind(first + shift, second, equal_var=False, alternative="greater").pvalue
        best = significantly_best(values, errors, [4, 6], 1)
        assert best == (0 if p < LEVEL else None)
        verdicts.add(best)
    assert verdicts == {0, None}


def test_the_best_is_rarely_bold_where_all_are_equal() -> None:
    """2000 tables of four estimators without a difference: the best of them is bold in fewer than 5%.

    The best is chosen first, so each comparison has its lead for free; requiring all of them makes up for it. Three
    standard errors of the share are 1.5%. Without the correction, and without requiring all, it would be most of them.
    """
    generator = np.random.default_rng(1)
    bold = any_pair = 0
    for _ in range(2000):
        seeds = generator.normal(size=(4, 5))
        values, errors = list(seeds.mean(1)), list(stats.sem(seeds, axis=1))
        bold += significantly_best(values, errors, [5] * 4, 1) is not None
        any_pair += any(
            stats.ttest_ind(seeds[int(np.argmax(values))], other, equal_var=False).pvalue < LEVEL
            for other in seeds
            if other.mean() < max(values)
        )
    assert bold / 2000 < LEVEL
    assert any_pair / 2000 > 2 * LEVEL


def test_a_measured_error_is_normal_and_a_single_seed_has_none() -> None:
    assert significantly_best([1.0, 2.0], [0.3, 0.3], [0, 0], -1) == 0
    assert significantly_best([1.0, 2.0], [0.3, 0.3], [0, 0], 1) == 1
    assert significantly_best([1.0, 2.0], [0.5, 0.5], [0, 0], -1) is None
    assert significantly_best([1.0, 2.0], [math.nan, 0.1], [1, 5], -1) is None
    assert significantly_best([1.0, 2.0], [0.0, 0.0], [0, 0], -1) == 0
    assert significantly_best([1.0, 1.0], [0.0, 0.0], [0, 0], -1) is None
    assert significantly_best([1.0, math.inf, math.nan], [0.1, math.nan, math.nan], [5, 5, 5], -1) is None
    assert significantly_best([1.0, 2.0], [0.1, 0.1], [5, 5], 0) is None


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_errors_whose_squares_vanish_or_overflow_are_errors(size: float) -> None:
    for lead, best in ((1.1, None), (100.0, 0)):
        values, errors = [size * lead, size], [size, size]
        assert significantly_best(values, errors, [5, 5], better=1) == best
