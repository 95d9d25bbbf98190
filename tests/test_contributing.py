"""The code of CONTRIBUTING.md works: put where the page says, in a copy of the repository, it passes the checks."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^`([\w/.]+)`(?:, (?:in|after) `([^\n]+)`)?:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A file, the line that the code comes after where the file is there already, and the code."""

COPIED = (
    "varbench",
    "bench",
    "estimators",
    "tasks",
    "tests",
    "results/README.md",
    "results/reference",
    "pyproject.toml",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository in which everything on the page has been done."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        source, copy = ROOT / name, folder / name
        copy.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, copy)
    for path, anchor, code in blocks():
        put(folder / path, anchor, code)
    return folder


def blocks() -> list[tuple[str, str, str]]:
    """Return the page's pieces of code that have a place."""
    return BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def put(file: Path, anchor: str, code: str) -> None:
    """Write a new file; or insert code into an old one, after the line with the anchor, which must be open."""
    if not anchor:
        assert not file.exists()
        file.write_text(code, encoding="utf-8")
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    [place] = [number for number, line in enumerate(lines) if anchor in line and line.rstrip()[-1] in "{(,"]
    file.write_text("".join([*lines[: place + 1], code, *lines[place + 1 :]]), encoding="utf-8")


def run(checkout: Path, *words: str) -> str:
    """Run Python in the copy and return what it prints; it must end well."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "BENCH_CACHE": str(checkout / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, *words], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bench(checkout: Path, *words: str) -> str:
    return run(checkout, "-c", "from bench.cli import main; main()", *words)


def test_there_is_code_for_each_kind_of_change() -> None:
    places = {path for path, _, _ in blocks()}
    assert {path.rpartition("/")[0] for path in places} == {
        "estimators", "estimators/score_function", "tasks", "tasks/toys", "bench/figures", "bench/reproduce",
        "bench/measure", "bench/results",
    }  # fmt: skip


def test_it_is_clean(checkout: Path) -> None:
    files = sorted({path for path, _, _ in blocks()})
    run(checkout, "-m", "ruff", "check", *files)
    run(checkout, "-m", "ruff", "format", "--check", *files)
    run(checkout, "-c", "from importlinter.cli import lint_imports_command as main; main()")


def test_the_estimator_and_the_task_pass_bench_check(checkout: Path) -> None:
    chosen = ("reinforce-halves", "reparam", "--task", "exponential-quadratic", "--task", "bernoulli-quadratic")
    lines = [tuple(line.split()[:3]) for line in bench(checkout, "check", *chosen).splitlines()]
    other = lines.index(("reparam",))
    halves = lines[lines.index(("reinforce-halves",)) : other]
    assert {("exponential-quadratic", "2,3", "pass"), ("bernoulli-quadratic(dim=3)", "2,3", "pass")} <= {*halves}
    assert ("exponential-quadratic", "1,3", "pass") in lines[other:]


def test_estimator_figure_and_recipe_pass_the_tests_of_their_kind(checkout: Path) -> None:
    where = ("tests/estimators/test_contract.py", "tests/bench/figures/test_kinds.py", "tests/bench/reproduce")
    chosen = "reinforce-halves or cosine or baseline-halves"
    printed = run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", *where, "-k", chosen)
    assert re.search(r"^\d+ passed", printed, re.MULTILINE), printed


def test_the_metric_is_measured(checkout: Path) -> None:
    bench(checkout, "run", "--task", "gaussian-quadratic", "--estimator", "reinforce-halves", "--no-train")
    with (checkout / "results" / "tables" / "gradients.csv").open(encoding="utf-8") as table:
        measured = {row["metric"]: float(row["value"]) for row in csv.DictReader(table) if row["group"] == "guide.loc"}
    # E (z − 3)² under N(1, 1) has the slope −4 in μ.
    assert measured["mean_norm"] == pytest.approx(4, abs=0.5)
