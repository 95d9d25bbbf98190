"""What a second process is worth: `pytest tests/benchmarks/test_jobs.py --benchmark-enable`, on two idle cores.

Forty toy cells with the settings that cells have unless others are given, by the command from its start to its end. The
share of the time of one process is in `extra_info`.
"""

import subprocess
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.execution.grids import environment, words

ESTIMATORS = (
    *("reinforce", "reinforce-ema", "reinforce-loo", "reinforce-optimal", "nvil", "measure-valued", "hybrid"),
    *("spsa", "evolution-strategies", "reparam", "rebar"),
)
"""All but the last two fit both tasks, and these one each."""
GRID = (
    *("--task", "gaussian-quadratic", "--task", "bernoulli-quadratic", "--samples", "4"),
    *(word for name in ESTIMATORS for word in ("--estimator", name)),
)


@pytest.mark.benchmark(group="forty toy cells")
def test_forty_toy_cells(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    if benchmark.disabled:
        pytest.skip("it takes minutes, and says nothing where it is not timed")
    environ = environment(tmp_path)

    def run(jobs: str, seeds: str = "0-1") -> float:
        begun = time.perf_counter()
        command = words("run", *GRID, "--seeds", seeds, "--jobs", jobs, "--out", f"{jobs}-{time.monotonic_ns()}")
        ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert seeds == "0" or "40 cells of 20 configurations" in ended.stderr
        return time.perf_counter() - begun

    # Chunks are measured once, before anything is timed.
    run("1", seeds="0")
    share = benchmark.pedantic(run, ["2"], rounds=1) / run("1")
    benchmark.extra_info["share of the time of one process"] = share
