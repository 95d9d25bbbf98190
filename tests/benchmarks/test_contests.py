"""Every contest, both sides taking turns so that whatever else the machine does meets both.

Run with `pytest tests/benchmarks --benchmark-enable --benchmark-only`; without these flags each side does a little
once. The table times ours; the competitor's times and the ratio are in `extra_info`. The committed table is made by
`python -m tests.benchmarks.ratios`.
"""

import statistics
import time
from dataclasses import replace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.contest import Contest
from tests.benchmarks.contests import CONTESTS


@pytest.mark.benchmark(group="contests")
@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: f"{contest.name} against {contest.against}")
def test_contest(benchmark: BenchmarkFixture, contest: Contest):
    if reason := contest.missing():
        pytest.skip(reason)
    if benchmark.disabled:
        contest = replace(contest, units=contest.fewest, competitor_units=min(2, contest.competitor_units))
    ours, competitor = contest.ours(contest.units), contest.competitor(contest.competitor_units)
    times = []

    def take_turns() -> None:
        start = time.perf_counter()
        competitor()
        times.append((time.perf_counter() - start) / contest.competitor_units)

    benchmark.pedantic(ours, setup=take_turns, rounds=contest.rounds, warmup_rounds=1)
    if benchmark.disabled:
        return
    seconds = [duration / contest.units for duration in benchmark.stats.stats.data]  # pyright: ignore
    # The first turn was the warm-up.
    ratios = [theirs / mine for theirs, mine in zip(times[1:], seconds, strict=True)]
    benchmark.extra_info |= {
        "name": contest.name,
        "against": contest.against,
        "ours": statistics.median(seconds),
        "competitor": statistics.median(times[1:]),
        "ratio": statistics.median(ratios),
    }
