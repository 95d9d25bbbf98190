"""The short form of the kills: a couple of dozen, of every kind; README.md has the long one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.long import LONG

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands run in forked processes, which Windows lacks")

ROOT = Path(__file__).resolve().parents[2]
ASKED = ("--kills", "20", "--seed", "14", "--command", "trained", "--command", "plot")


def test_nothing_is_lost_left_or_changed_by_kills(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.torture.kills", *ASKED, "--work", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    last = ended.stdout.splitlines()[-1]
    for kind in ("by the clock", "at a call", "inside a write"):
        assert f"kills {kind}" in last, "there was none"
    assert not list(tmp_path.iterdir())


@LONG
@pytest.mark.parametrize("executor", ["local", "dask"])
def test_nothing_is_lost_left_or_changed_where_several_processes_run_cells(tmp_path: Path, executor: str) -> None:
    asked = ("--kills", "4", "--seed", "3", "--command", "trained", "--jobs", "2", "--executor", executor)
    command = [sys.executable, "-m", "tests.torture.kills", *asked, "--work", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " kills of " in ended.stdout.splitlines()[-1]
