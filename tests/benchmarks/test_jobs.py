"""What a second process is worth: `pytest tests/benchmarks/test_jobs.py --benchmark-enable`, on two idle cores.

Forty toy cells, each trained for 300 steps and measured to ±5%, by the command from its start to its end.
"""

import subprocess
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.execution.grids import environment, words

GRID = ("--task", "gaussian-quadratic", "--estimator", "reinforce", "--seeds", "0-39", "--batch-seeds", "off")


@pytest.mark.benchmark(group="forty toy cells")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_forty_toy_cells(benchmark: BenchmarkFixture, tmp_path: Path, jobs: str) -> None:
    if benchmark.disabled:
        pytest.skip("it takes minutes, and says nothing where it is not timed")
    environ = environment(tmp_path)
    # Chunks are measured once, before anything is timed.
    command = words("run", *GRID, "--steps", "300", "--jobs", jobs, "--out")

    def run(out: str) -> None:
        subprocess.run([*command, out], cwd=tmp_path, env=environ, capture_output=True, check=True)

    subprocess.run(words("run", *GRID[:5], "0", "--steps", "300"), cwd=tmp_path, env=environ, check=True)
    rounds = iter(range(100))
    benchmark.pedantic(run, setup=lambda: ((f"out-{next(rounds)}",), {}), rounds=2)
