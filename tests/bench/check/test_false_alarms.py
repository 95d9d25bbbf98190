"""Right estimators that look wrong at first are not accused; time is shared so that nobody starves."""

import time

import pytest
import torch
from torch import Tensor

from bench.check.clock import Clock
from bench.check.collect import collect
from bench.check.dependence import DependenceCheck
from bench.check.deviations import Deviations
from bench.check.plan import Plan
from bench.check.points import Exact
from bench.check.run import Settings, run_plan
from bench.check.sequential import sequential_test
from bench.check.verdicts import Line

_TASKS = ("gaussian-quadratic", "linear-gaussian(dim=1, n=8, perturbation=0.3)")


@pytest.mark.parametrize("name", ["KeepsItsLastValues", "ConstantAtFirstCall", "AimOfItsOwn"])
def test_right_and_unusual(name: str):
    lines = list(run_plan(collect([f"tests.museum.unusual:{name}"], _TASKS), Settings(tolerance=1.0)))
    assert {line.verdict for line in lines} == {"pass"}, lines


def test_draws_that_often_coincide_do_not_share_their_noise():
    """At this seed two draws of one bit by points that are spread evenly are, by chance, the first one again."""
    plan = collect(["reinforce(sampling=rqmc)"], _TASKS)
    (check,) = [one for checks in plan.checks.values() for one in checks if isinstance(one, DependenceCheck)]
    lines = [check.run(1e-3, 0.1, 10.0, seed) for seed in range(36, 39)]
    assert {line.verdict for line in lines} == {"pass"}, lines


def rare(chance: float, seed: int) -> str:
    """Return how the test ends of a mean of one that is made up of rare events and nothing else."""
    generator = torch.Generator().manual_seed(seed)
    exact = Exact(torch.ones(1, dtype=torch.float64), 0.0)
    tested = torch.tensor([True, False])

    def draw(count: int) -> Tensor:
        rows = torch.zeros(min(count, 16_384), 2, dtype=torch.float64)
        rows[:, 0] = (torch.rand(len(rows), generator=generator) < chance) / max(chance, 1e-9)
        return rows

    scales = torch.ones(2, dtype=torch.float64)
    outcome = sequential_test(
        draw,
        lambda: Deviations(exact, draw(64), tested, torch.Generator().manual_seed(0)),
        scales,
        level=1e-6,
        tolerance=1.0,
        seconds=0.2,
    )
    return outcome.verdict


def test_what_was_constant_so_far_may_be_rare():
    """No event of probability 5e-5 in a confirmation's 170,000 draws has probability 2e-4; in 16,384 it has 0.4."""
    assert "off" not in {rare(1 / 20_000, seed) for seed in range(10)}


def test_what_stays_constant_is_off():
    assert rare(0.0, 0) == "off"


class Slow:
    """A check that takes all that it may."""

    subject, tests, work = "slow", 1, 1

    def __init__(self, shares: list[float], takes: float) -> None:
        self.shares, self.takes = shares, takes

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        self.shares.append(seconds)
        clock = Clock(self.takes * seconds)
        while not clock.over():
            pass
        return Line("slow", self.subject, "inconclusive")


def test_slow_checks_leave_time_to_those_behind_them():
    shares: list[float] = []
    # Each takes twice what it may: even so, the last one may use as much as the first, half of its even share.
    plan = Plan({"slow": [Slow(shares, 2.0) for _ in range(20)]}, [])
    list(run_plan(plan, Settings(budget=0.4)))
    assert len(shares) == 20
    assert min(shares) >= 0.5 * 0.4 / 20
    assert max(shares) == min(shares)


def test_waiting_is_no_work():
    clock = Clock(5.0)
    time.sleep(0.05)
    assert clock.left() > 4.9
    assert not clock.waited
    busy = Clock(0.0)
    assert busy.over()
    assert not busy.waited
