import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def python(tmp_path: Path) -> Python:
    """Run a fresh Python in an empty folder, the checkout behind it on the path."""

    def run(*words: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(path), "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def in_the_way(tmp_path: Path) -> Path:
    """Return the folder, in which each name of our packages is taken by something of somebody else's."""
    (tmp_path / "bench.py").write_text("MINE = 1\n")
    for package in ("tasks", "estimators"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("MINE = 2\n")
    (tmp_path / "tasks" / "mine.py").write_text("class Toy: ...\n")
    return tmp_path
