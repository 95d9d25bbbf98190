"""Every kind of figure from a folder of 200 cells; together, with the folder read once, they are to take below 20 s.

Run with `pytest tests/benchmarks/test_figures.py --benchmark-enable --benchmark-only`.
"""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import figures
from bench.figures.page import Page
from bench.figures.write import write
from bench.results.select import select
from bench.results.tables import Results, load
from tests.bench.figures.grids import make, of_degrees
from tests.benchmarks import is_timed

ESTIMATORS = (
    "reinforce",
    "nvil",
    "reinforce-loo",
    "vargrad",
    "reparam",
    "stl",
    "measure-valued",
    "iwae",
    "dreg",
    "spsa",
)
TASKS = ("ppca", "linear-gaussian")
SAMPLES = (1, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a folder of 200 cells; of 4, where nothing is measured."""
    folder = tmp_path_factory.mktemp("results")
    quick = not is_timed(request.config)
    make(folder, ESTIMATORS[:1] if quick else ESTIMATORS, SAMPLES, range(1 if quick else 5), TASKS)
    return folder


@pytest.mark.benchmark(group="figures of 200 cells")
def test_load(benchmark: BenchmarkFixture, folder: Path):
    assert len(benchmark(load, folder).final) >= 4


@pytest.mark.benchmark(group="figures of 200 cells")
@pytest.mark.parametrize("kind", figures.KINDS)
def test_figure(benchmark: BenchmarkFixture, kind: str, folder: Path, tmp_path: Path):
    results = load(folder)
    if kind == "training":
        results = select(results, [TASKS[0]], [ESTIMATORS[0]], SAMPLES[:1])
    if kind == "evidence":
        results = of_degrees(results)
    shown: Results | None = None if figures.KINDS[kind].task else results
    assert benchmark(write, kind, shown, tmp_path / "figure.pdf", "pdf", Page())
