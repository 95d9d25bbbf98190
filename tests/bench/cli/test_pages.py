"""Pages of docs/ that a newcomer follows: every command is run, at a small scale, and does what it says."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench as varbench
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import ROOT

_SMALL = ["--preset", "smoke"]


def blocks(page: str, language: str) -> Iterator[str]:
    """Give the code blocks of a page that are in a language."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    yield from re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Return the words of each command of a page, without comments."""
    return [
        shlex.split(line, comments=True) for block in blocks(page, "sh") for line in block.splitlines() if line.strip()
    ]


def follow(bench: Bench, page: str) -> list[str]:
    """Run every command of a page, grids as small as can be, and return what they printed."""
    said = []
    for program, *words in commands(page):
        assert program == "bench", words
        small = _SMALL if words[0] == "run" and "--preset" not in words and "--dry-run" not in words else []
        outcome = bench(*words, *small)
        assert outcome.code == 0, f"{words}: {outcome.err}"
        assert outcome.out, words
        said.append(outcome.out)
    return said


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_COST_SECONDS", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.usefixtures("quick")
def test_the_first_run(bench: Bench) -> None:
    *_, checked = follow(bench, "first-run.md")
    assert "reinforce-loo" in checked
    results = varbench.load("results").final
    assert set(results["task"]) == {"gaussian-quadratic", "sbn-tiny"}
    assert set(results["status"]) == {"done"}


@pytest.mark.usefixtures("quick")
def test_a_comparison_for_a_paper(bench: Bench) -> None:
    (grid,) = blocks("paper.md", "toml")
    Path("paper.toml").write_text(grid, encoding="utf-8")
    said = follow(bench, "paper.md")
    assert "of 40 cells would run" in said[0]
    assert any("\\toprule" in text for text in said)
    assert {file.stem.partition("-")[0] for file in Path().glob("*.pdf")} == {"variance", "elbo"}
    # An estimator has one step size, and the smoke preset one seed.
    assert len(varbench.load("results").final) == 8


@pytest.mark.usefixtures("quick")
def test_an_estimator_in_ci(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, suite = blocks("ci.md", "python")
    Path("mine.py").write_text(mine, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    said = follow(bench, "ci.md")
    assert "mine:HalfBaseline" in said[0]
    assert "estimator_contract" in suite
    monkeypatch.delitem(sys.modules, "mine", raising=False)
