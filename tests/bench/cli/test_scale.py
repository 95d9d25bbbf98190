"""docs/scale.md is a page to copy from: what it says is run."""

import re
import shlex
from pathlib import Path

import pytest

import bench as varbench
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import ROOT
from tests.long import LONG

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def commands(section: str) -> list[list[str]]:
    """Return the words of each command of a section that runs as it stands."""
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    return [shlex.split(line) for line in lines]


@LONG
@pytest.mark.parametrize(
    ("section", "expected", "cells"),
    [
        ("A laptop", 1, {"results": 4}),
        ("A CI matrix, or job arrays of another scheduler", 3, {"part-1": 2, "part-2": 2}),
    ],
)
def test_its_commands_do_what_it_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, section: str, expected: int, cells: dict[str, int]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("BENCH_COST_SECONDS", "0")
    found = commands(section)
    assert len(found) == expected
    for program, *words in found:
        assert program == "bench"
        outcome = bench(*words)
        assert outcome.code == 0, outcome.err
        assert outcome.out
    for folder, count in cells.items():
        assert list(varbench.load(folder).final.status) == ["done"] * count
    if len(cells) > 1:
        assert len(varbench.load(*map(Path, cells)).final) == sum(cells.values()), "a cell is in two parts"


@pytest.mark.parametrize("section", ["A SLURM cluster", "A Dask cluster"])
def test_commands_of_clusters_are_understood(bench: Bench, section: str) -> None:
    # That clusters run a grid is seen in tests of the engines.
    ((_, *words),) = commands(section)
    outcome = bench(*words, "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "2 cells" in outcome.out + outcome.err


def test_every_option_that_it_names_is_one() -> None:
    from bench.cli.run import run

    known = {name for parameter in run.params for name in (*parameter.opts, *parameter.secondary_opts)}
    named = {option for line in re.findall(r"bench run .*", PAGE) for option in re.findall(r"--[a-z-]+", line)}
    assert named - known == set()
