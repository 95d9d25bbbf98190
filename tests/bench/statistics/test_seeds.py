"""What several seeds say together of a norm that noise was subtracted from, such as a bias."""

import math

import numpy as np
import pytest
import torch

from bench.measure.norms import squared_norm
from bench.statistics.seeds import Combined, combined, mean_over_seeds

TRIALS, GROUPS = 300, 20


def norms(seeds: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what so many seeds measure of ‖(mean, 0, 0)‖ in each trial: [T·S, 3], and squares, [T·S].

    Each seed has 20 group means of five replicates with independent normal coordinates.
    """
    generator = torch.Generator().manual_seed(seeds)
    counts = torch.full((GROUPS,), 5.0, dtype=torch.float64)
    found = []
    for _ in range(TRIALS * seeds):
        means = torch.randn(GROUPS, 3, generator=generator, dtype=torch.float64) / math.sqrt(5)
        means[:, 0] += mean
        found.append(squared_norm(means @ means.T, counts).map_sqrt())
    estimates = np.array([[one.value, one.low, one.high] for one in found])
    return estimates, np.array([one.square for one in found], float)


def together(estimates: np.ndarray, squares: np.ndarray) -> Combined:
    return combined(np.repeat(np.arange(TRIALS), len(squares) // TRIALS), estimates, squares, False)


@pytest.mark.parametrize("seeds", [2, 3, 10, 30])
def test_noise_is_no_bias_however_many_seeds_there_are(seeds: int) -> None:
    """An interval begins above zero in at most 5% of 300 trials, and nine (4.2 standard errors, 5.2%) more."""
    estimates, squares = norms(seeds, 0.0)
    found = together(estimates, squares)
    assert np.mean(found.low > 0) <= 0.05 + 0.052
    assert (found.high > 0).all()
    if seeds == 30:
        # The mean of the roots is what does not fall to zero.
        assert np.mean(together(estimates, np.full_like(squares, np.nan)).low > 0) > 0.9


@pytest.mark.parametrize("seeds", [2, 3, 10])
@pytest.mark.parametrize("mean", [0.1, 0.5])
def test_intervals_hold_a_norm(seeds: int, mean: float) -> None:
    """In at least 95% of 300 trials, less 4.2 standard errors; a norm of 0.1 is lost in the noise of one seed, 0.16."""
    found = together(*norms(seeds, mean))
    assert np.mean((found.low <= mean) & (mean <= found.high)) >= 0.95 - 0.053


def test_a_norm_is_found_by_many_seeds() -> None:
    """A standard error of the mean square of 30 seeds is 0.0045 where the norm is zero; 0.2² is nine of them."""
    found = together(*norms(30, 0.2))
    assert np.mean(found.low > 0) > 0.95
    assert np.mean(found.value) == pytest.approx(0.2, rel=0.05)


def test_a_single_seed_speaks_for_itself() -> None:
    alone = combined(np.array([0, 1, 1]), np.array([[0.0, 0, 3], [1, 0, 2], [2, 1, 3]]), np.array([-1.0, 1, 4]), False)
    assert [column[0] for column in alone] == [0, 0, 3, 1]
    assert alone.value[1] == pytest.approx(math.sqrt(2.5))


def test_squares_that_agree_by_chance_leave_the_upper_end_of_the_seeds() -> None:
    """Each seed's square is known to 4 at most: the mean of two to 4/√2."""
    found = combined(np.zeros(2, int), np.array([[0.0, 0, 2], [0, 0, 2]]), np.array([-0.5, -0.5]), False)
    assert [float(column[0]) for column in found[:3]] == pytest.approx([0, 0, math.sqrt(4 / math.sqrt(2))])


def test_seeds_without_squares_are_averaged_as_they_are() -> None:
    found = combined(np.zeros(2, int), np.array([[1.0, 0, 2], [3, 0, 4]]), np.array([1.0, np.nan]), False)
    assert found.value[0] == 2


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("with_squares", [False, True])
def test_numbers_whose_squares_vanish_or_overflow(size: float, with_squares: bool) -> None:
    values = size * np.array([1.0, 2.0, 4.0])
    estimates = np.stack([values, 0.5 * values, 2 * values], 1)
    squares = values**2 if with_squares and size <= 1 else np.full(3, np.nan)
    if with_squares and size < 1:
        assert (squares == 0).all()
    with np.errstate(over="ignore"):
        found = combined(np.zeros(3, int), estimates, squares, False)
    usual = combined(
        np.zeros(3, int),
        estimates / size,
        np.full(3, np.nan) if np.isnan(squares).all() else (values / size) ** 2,
        False,
    )
    assert [float(column[0]) / size for column in found[:3]] == pytest.approx([float(c[0]) for c in usual[:3]])
    assert mean_over_seeds(list(values))[2] / size == pytest.approx(mean_over_seeds([1.0, 2.0, 4.0])[2])


def test_seeds_that_agree_know_no_more_than_each() -> None:
    """All replicates of each were equal, so that nothing is known of what was not seen; or the ratio is infinite."""
    for square in (1.0, np.nan):
        found = combined(np.zeros(2, int), np.array([[1.0, 0, np.inf]] * 2), np.full(2, square), False)
        assert [float(column[0]) for column in found[:3]] == [1.0, 0.0, np.inf]
    found = combined(np.zeros(2, int), np.full((2, 3), np.inf), np.full(2, np.nan), False)
    assert [float(column[0]) for column in found[:3]] == [np.inf] * 3


def test_the_infinite_norm_of_a_diverged_seed_is_seen() -> None:
    found = combined(np.zeros(2, int), np.array([[np.inf] * 3, [1.0, 0, 2]]), np.array([np.inf, 1]), False)
    assert found.value[0] == math.inf
    assert np.isnan(found.low[0])
