"""A package of somebody else's is really installed, found through its entry points, and runs its own tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "tests" / "example_plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the example's sources and `site`, where it is installed."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    pip = ["-m", "pip", "install", *options, "--target"]
    subprocess.run([sys.executable, *pip, folder / "site", folder / "source"], check=True, capture_output=True)
    return folder


_BENCH = ("-m", "varbench")
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs")


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the example is installed."""
    environment = {**os.environ, "PYTHONPATH": f"{installed / 'site'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words],
        cwd=installed / "source",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_names_are_registered(installed: Path):
    listed = run(installed, *_BENCH, "list")
    assert listed.returncode == 0, listed.stderr
    assert "antithetic-score" in listed.stdout
    assert "cubic-cost" in listed.stdout
    assert "from package steadygrad" in listed.stdout


def test_bench_check_covers_it(installed: Path):
    checked = run(installed, *_BENCH, "check", "antithetic-score", "--task", "cubic-cost", "--tolerance", "0.5")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = [tuple(line.split()[:3]) for line in checked.stdout.splitlines()]
    assert ("cubic-cost", "2,3", "pass") in lines[lines.index(("antithetic-score",)) :]


def test_what_does_not_import_is_reported_and_skipped(installed: Path):
    code = (
        "from bench.check.plan import registered_estimators, registered_tasks\n"
        "subjects, lines = registered_estimators()\n"
        "assert 'antithetic-score' in {subject.name for subject in subjects}\n"
        "assert 'cubic-cost' in {subject.name for subject in registered_tasks()[0]}\n"
        "print([line.detail for line in lines if line.estimator == 'broken-import'])\n"
    )
    found = run(installed, "-c", code)
    assert found.returncode == 0, found.stderr
    assert "does not import: RuntimeError: this machine lacks" in found.stdout
    named = run(installed, *_BENCH, "check", "broken-import", "--task", "cubic-cost")
    assert named.returncode == 2
    assert "does not import" in named.stderr


def test_its_own_tests_run_with_the_plugin(installed: Path):
    result = run(installed, *_PYTEST, "tests")
    assert result.returncode == 0, result.stdout + result.stderr
    # A misfit is skipped, with its reason.
    assert "skipped" in result.stdout
    assert "enumerate needs discrete latents" in result.stdout
