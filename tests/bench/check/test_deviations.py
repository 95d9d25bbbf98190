import pytest
import torch
from torch import Tensor

from bench.check.deviations import PROJECTIONS, Deviations, quantile
from bench.check.points import Exact

EXACT = Exact(torch.tensor([2.0, -1.0, 0.0], dtype=torch.float64), 5.0)


def deviations(rows: Tensor, tested: tuple[bool, ...] = (True,) * 4) -> Deviations:
    found = Deviations(EXACT, rows[:100], torch.tensor(tested), torch.Generator().manual_seed(0))
    for part in rows.split(333):
        found.update(part)
    return found


def normal_rows(count: int, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return EXACT.row + shift + torch.randn(count, 4, generator=generator, dtype=torch.float64)


def test_shift_and_error_are_those_of_the_rows():
    rows = normal_rows(1000)
    found = deviations(rows)
    torch.testing.assert_close(found.shift()[:4], rows.mean(0) - EXACT.row)
    torch.testing.assert_close(found.standard_error()[:4], rows.std(0) / 1000**0.5)
    assert len(found.shift()) == 4 + 1 + PROJECTIONS
    along = EXACT.gradient / EXACT.gradient.norm()
    torch.testing.assert_close(found.shift()[4], (rows.mean(0) - EXACT.row)[:3] @ along)


def test_statistic_is_students_t_without_skewness():
    rows = normal_rows(2000)
    rows = torch.cat([rows, 2 * EXACT.row - rows + 0.02])
    found = deviations(rows)
    t = (rows.mean(0) - EXACT.row) / (rows.std(0) / len(rows) ** 0.5)
    # Rounding of 1e-6 of the gradient is taken off the shift: 5e-4 of its standard error here.
    torch.testing.assert_close(found.statistic()[:4], t, atol=2e-3, rtol=1e-3)


def test_skewness_is_removed():
    """Student's t of skewed variables leaves its lower 1% tail twice too often; Hall's statistic does not."""
    generator = torch.Generator().manual_seed(0)
    exact = Exact(torch.ones(1, dtype=torch.float64), 0.0)
    tested = torch.tensor([True, False])
    critical = quantile(0.01, 60)
    low, low_t = 0, 0
    for _ in range(3000):
        rows = torch.empty(60, 2, dtype=torch.float64).exponential_(generator=generator)
        found = Deviations(exact, rows, tested, generator)
        found.update(rows)
        low += int(found.statistic()[0] < -critical)
        low_t += int((rows[:, 0].mean() - 1) / (rows[:, 0].std() / 60**0.5) < -critical)
    # At 1% the expected count is 30 with a standard deviation of 5.4; five of those allow 57.
    assert low <= 57
    assert low_t > 57


def test_constant_rows_agree_to_rounding_or_are_infinitely_far_off():
    rows = EXACT.row.expand(500, -1).clone()
    assert deviations(rows).statistic().abs().max() == 0
    rows[:, 1] += 1e-4
    found = deviations(rows)
    assert found.statistic()[1] == torch.inf
    assert found.statistic()[0] == 0


def test_what_is_not_claimed_is_not_tested():
    rows = normal_rows(1000)
    rows[:, 2] += 100.0
    rows[:, 3] += 100.0
    assert deviations(rows).statistic().abs().max() > 50
    found = deviations(rows, (True, True, False, False))
    assert found.statistic().abs().max() < 6
    assert found.tests == 2 + 1 + PROJECTIONS


def test_values_that_are_not_finite_are_off():
    rows = normal_rows(1000)
    rows[7, 0] = torch.nan
    assert deviations(rows).statistic()[0] == torch.inf


def test_a_row_that_is_all_the_variance_is_noticed():
    rows = normal_rows(1000)
    assert not deviations(rows).dominated().any()
    rows[3, 1] += 1000.0
    assert deviations(rows).dominated()[1]


def test_relative_bias_is_freed_of_noise():
    assert deviations(normal_rows(100_000)).relative_bias() < 0.01
    shifted = deviations(normal_rows(100_000, shift=0.5))
    # ‖(½, ½, ½)‖ / ‖(2, −1, 0)‖; the standard error of the mean is 0.003.
    assert shifted.relative_bias() == pytest.approx(0.75**0.5 / 5**0.5, abs=0.01)
