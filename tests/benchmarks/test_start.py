"""How long one waits for a toy, and for a name: `pytest tests/benchmarks/test_start.py --benchmark-enable`.

From the shell to the last line, with one thread, what is remembered already, and a folder that is not there yet; on an
idle core. Where others used both cores of an AMD EPYC, too, `run` took 3.3 s of processor time, 1.3 s of them to import
PyTorch. It took 9.0 s when PyTorch's compiler was imported, and each of six steps timed its gradient for half a second.
"""

import subprocess
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.bench.execution.grids import environment, words

TOY = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce")
ROUNDS = 5


@pytest.mark.benchmark(group="from the shell to the last line")
@pytest.mark.parametrize("command", [TOY, ("info", "reinforce"), ("status",), ("--help",)], ids=" ".join)
def test_a_command(benchmark: BenchmarkFixture, tmp_path: Path, command: Sequence[str]) -> None:
    if benchmark.disabled:
        pytest.skip("it says nothing where it is not timed, and tests/bench/cli/test_start.py has what is imported")
    environ = environment(tmp_path)
    del environ["BENCH_COST_SECONDS"]
    numbers = count()

    def run(words_of: Sequence[str]) -> None:
        out = ("--out", f"out-{next(numbers)}") if words_of == TOY else ()
        ended = subprocess.run(
            words(*words_of, *out), cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr

    run(TOY)
    (tmp_path / "out-0").rename(tmp_path / "results")
    # The first of its kind asks the classes, and remembers what they say.
    benchmark.pedantic(run, [command], rounds=ROUNDS, warmup_rounds=1)
