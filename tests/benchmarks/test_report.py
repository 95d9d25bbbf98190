"""A report of 200 cells, which is to take below 20 s and 5 MB; cells and bytes are in `extra_info`.

Run with `pytest tests/benchmarks/test_report.py --benchmark-enable --benchmark-only`.
"""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.report.page import write_report
from bench.results.tables import Results
from tests.bench.figures.grids import make
from tests.benchmarks import is_timed
from tests.benchmarks.test_figures import ESTIMATORS, SAMPLES, TASKS

LARGEST = 5_000_000


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Results:
    """Return results of 200 cells; of 4, where nothing is measured."""
    quick = not is_timed(request.config)
    folder = tmp_path_factory.mktemp("results")
    return make(folder, ESTIMATORS[:1] if quick else ESTIMATORS, SAMPLES, range(1 if quick else 5), TASKS)


@pytest.mark.benchmark(group="report of 200 cells")
def test_report(benchmark: BenchmarkFixture, results: Results, tmp_path: Path) -> None:
    file, cells = tmp_path / "report.html", len(results.final)
    assert cells == (4 if benchmark.disabled else 200)
    benchmark.pedantic(write_report, [results, file, [], pytest.fail], rounds=3)
    assert file.stat().st_size < LARGEST
    benchmark.extra_info.update(cells=cells, bytes=file.stat().st_size)
