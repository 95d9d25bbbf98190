from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.check.deviations import Deviations
from bench.check.points import Exact
from bench.check.sequential import FIRST_LOOK, Outcome, sequential_test

EXACT = Exact(torch.tensor([1.0, -1.0], dtype=torch.float64), 0.0)
TESTED = torch.ones(3, dtype=torch.bool)


def run(
    shift: float,
    *,
    seed: int = 0,
    level: float = 1e-6,
    tolerance: float = 0.1,
    seconds: float = 60.0,
    spread: Callable[[Tensor], Tensor] = lambda noise: noise,
    at_once: int = 4096,
    each: int = 1,
) -> Outcome:
    """Test rows whose first coordinate is off by `shift`."""
    generator = torch.Generator().manual_seed(seed)

    def draw(count: int) -> Tensor:
        estimates = torch.randn(min(count, at_once), each, 3, generator=generator, dtype=torch.float64)
        rows = EXACT.row + spread(estimates).mean(1)
        rows[:, 0] += shift
        return rows

    pilot = draw(100)
    scales = torch.full((2,), float(EXACT.gradient.norm()), dtype=torch.float64)
    return sequential_test(
        draw,
        lambda: Deviations(EXACT, pilot, TESTED, torch.Generator().manual_seed(0)),
        scales,
        level,
        tolerance,
        seconds,
        each=each,
    )


def test_a_large_bias_is_seen_at_the_first_look_and_confirmed():
    outcome = run(0.5)
    assert outcome.verdict == "off"
    assert outcome.alarm is not None
    assert outcome.alarm.direction == 0
    assert outcome.alarm.shift == pytest.approx(0.5, abs=0.05)
    assert outcome.replicates == FIRST_LOOK + 2**14


def test_rows_that_are_means_count_as_what_they_are_of():
    outcome = run(0.5, each=64)
    assert outcome.verdict == "off"
    assert outcome.replicates == FIRST_LOOK + 2**14
    # An exponential's mean of 64 is still skewed. Of 400 right ones 1% may alarm at a look; fresh draws confirm none
    # of them but with probability below 1e-4 each.
    right = [run(0.0, seed=seed, level=0.01, tolerance=1.0, spread=skewed, each=64) for seed in range(400)]
    assert {outcome.verdict for outcome in right} <= {"clear", "open"}


def skewed(noise: Tensor) -> Tensor:
    """Return exponential numbers less their mean."""
    return -torch.special.ndtr(noise).log() - 1


def test_no_bias_is_clear_as_soon_as_the_tolerance_is_reached():
    outcome = run(0.0)
    assert outcome.verdict == "clear"
    assert 0.05 < outcome.detectable <= 0.1
    assert run(0.0, tolerance=0.02).replicates > 10 * outcome.replicates


def test_a_detectable_bias_is_detected():
    """The power is 99% at what is called detectable; 60 runs miss it more than five times with probability 4e-5."""
    clear = run(0.0)
    bias = clear.detectable * float(EXACT.gradient.norm())
    assert sum(run(bias, seed=seed).verdict != "off" for seed in range(60)) <= 5


def test_level_holds_over_all_looks():
    """At level 0.2 the confirmation alone keeps false verdicts below 0.2: 100 runs give 33 or more with chance 1e-3."""
    assert sum(run(0.0, seed=seed, level=0.2, tolerance=0.05).verdict == "off" for seed in range(100)) < 33


def test_out_of_time_is_open():
    outcome = run(0.0, tolerance=1e-4, seconds=0.2)
    assert outcome.verdict == "open"
    assert outcome.detectable > 1e-4


def test_no_conclusion_from_fewer_draws_than_the_first_look_has():
    """As where replicates are drawn one by one, and time is over before there are enough to look at."""
    for shift in (0.0, 0.5):
        outcome = run(shift, tolerance=1.0, seconds=0.0, at_once=64)
        assert outcome.replicates < FIRST_LOOK
        assert outcome.verdict == "open"


def test_no_conclusion_from_infinite_variance():
    cauchy = run(0.0, spread=lambda noise: torch.tan(torch.pi * (torch.special.ndtr(noise) - 0.5)), seconds=0.5)
    assert cauchy.verdict == "open"
