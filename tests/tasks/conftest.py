import os
from pathlib import Path

import pytest

from tasks.data import cache


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the loaders to real data: BENCH_DATA, or `shared/data` beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("BENCH_DATA") or beside)
    monkeypatch.setenv("BENCH_DATA", str(folder))
    if not cache.present("mnist"):
        pytest.skip(f"no real data: {folder} holds no mnist/; set BENCH_DATA to a folder that does")
    return folder


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Point the loaders to a cache folder with nothing in it."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"
