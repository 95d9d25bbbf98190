"""What a large folder costs with its cache against without it.

    pytest tests/benchmarks/test_folders.py --benchmark-enable --benchmark-json=folders.json

The ratio is in `extra_info`. The folder has 1000 cells; where nothing is measured, 5.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.results import stamped
from bench.results.cache import CACHE
from bench.results.leftovers import TABLES
from bench.results.standing import standings
from bench.results.store import Store
from bench.results.tables import export, load
from tests.benchmarks import is_timed
from tests.benchmarks.folders import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("results")
    make(folder, 1000 if is_timed(request.config) else 5)
    return folder


@pytest.fixture(autouse=True)
def _is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamped, "LARGE", 1)
    monkeypatch.setattr(stamped, "_SETTLES", -(10**12))


def _loaded(folder: Path) -> int:
    return len(load(folder).final)


def _stand(folder: Path) -> int:
    return len(list(standings(Store(folder))))


def _exported(folder: Path) -> int:
    return len(export(folder))


@pytest.mark.benchmark(group="a large folder")
@pytest.mark.parametrize("use", [_loaded, _stand, _exported])
def test_a_large_folder(benchmark: BenchmarkFixture, folder: Path, use: Callable[[Path], int]) -> None:
    for name in (CACHE, "exported"):
        (folder / TABLES / name).unlink(missing_ok=True)
    begun = time.process_time()
    expected = use(folder)
    without = time.process_time() - begun
    assert (folder / TABLES / CACHE).is_file()
    begun = time.process_time()
    assert benchmark.pedantic(use, [folder], rounds=1) == expected
    benchmark.extra_info["times as fast as without a cache"] = without / (time.process_time() - begun)
