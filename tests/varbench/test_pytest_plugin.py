"""The pytest plug-in of an installed varbench, in projects of other people."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.varbench.conftest import ROOT, Python

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--strict-config", "--strict-markers")

THEIRS = """
import sys

import bench
import estimators
import tasks.mine


def test_theirs():
    assert (bench.MINE, estimators.MINE, tasks.MINE) == (1, 2, 2)
    assert "varbench.pytest_plugin" in sys.modules
    assert "torch" not in sys.modules
"""

USES = """
import tasks.mine


def test_mine(check_estimator, check_task):
    assert check_estimator.__module__ == check_task.__module__ == "bench.contract"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that varbench is installed into."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    pip = ["-m", "pip", "install", *options, "--target", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *pip], check=True, capture_output=True)
    return folder


def test_the_wheel_has_all_packages_with_their_types(site: Path) -> None:
    assert {path.parent.name for path in site.glob("*/py.typed")} == {"varbench", "bench", "estimators", "tasks"}


def test_it_does_nothing_in_a_project_that_has_the_names_and_does_not_use_it(
    python: Python, in_the_way: Path, site: Path
) -> None:
    (in_the_way / "test_theirs.py").write_text(THEIRS)
    done = python(*PYTEST, path=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_where_it_is_used_the_file_in_the_way_is_named(python: Python, in_the_way: Path, site: Path) -> None:
    (in_the_way / "test_mine.py").write_text(USES)
    done = python(*PYTEST, path=site)
    assert done.returncode == 1
    assert f"{in_the_way / 'tasks' / '__init__.py'} hides varbench's own package" in done.stdout
    assert "Traceback" not in done.stdout


def test_it_finds_ours_where_theirs_are_not_imported(python: Python, in_the_way: Path, site: Path) -> None:
    (in_the_way / "test_mine.py").write_text(USES.replace("import tasks.mine\n", ""))
    done = python(*PYTEST, path=site)
    assert done.returncode == 0, done.stdout + done.stderr
