"""The check on a GPU, tried out on a CPU: its cheap parts."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.gpu import __main__ as script
from tests.gpu import running
from tests.gpu.report import Report


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.gpu", str(folder), *words],
        env={**os.environ, "DEVICE": "cpu", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_cheap_parts_find_nothing_wrong(tmp_path: Path) -> None:
    done = ran(tmp_path, "eager", "failed", "alone", "dropped", "seed-steps")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(" (")[0] for line in lines if line.startswith("==")] == [
        "== versions",
        "== replayed steps are those of eager mode",
        "== a failed capture leaves everything in order",
        "== a captured step of three seeds ends where each ends alone",
        "== memory comes back when a stack is dropped",
        "== seed-steps per second",
    ]
    assert lines[-1] == f"nothing is wrong; 1 numbers are in {tmp_path / 'cpu.csv'}"
    with (tmp_path / "cpu.csv").open(encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert (row["part"], row["size"], row["unit"]) == ("seed-steps per second", "2", "1/s")
    assert float(row["value"]) > 0


def test_without_a_gpu_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "ON_GPU", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert script.main(tmp_path) == 4
    assert capsys.readouterr() == ("", "PyTorch finds no GPU here; DEVICE=cpu tries the script itself\n")
    assert not list(tmp_path.iterdir())


def test_a_part_that_fails_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: Report) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nand more")

    report = Report()
    report.run("first", fail)
    report.run("second", lambda report: report.keep("steps", 2, 3.0, "1/s"))
    said = capsys.readouterr().out.splitlines()
    assert "  WRONG RuntimeError: CUDA error: an illegal memory access was encountered" in said
    assert said[-1] == "  steps: 3 1/s"
    assert report.failed == ["first"]


def test_no_part_is_begun_once_the_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(begun=-1e9)
    report.run("late", lambda _: pytest.fail("it was begun"))
    assert report.failed == ["late"]
    assert "the time is over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("off", "together", "is_wrong"),
    [(0.0, 2, False), (1e-9, 1, False), (1e-9, 2, True), (1e-3, 1, True)],
    ids=["equal", "apart, rounded", "together, rounded", "apart, others"],
)
def test_a_resumed_run_is_held_to_the_bit_where_its_seeds_went_on_together(
    off: float, together: int, is_wrong: bool
) -> None:
    report = Report()
    whole = pd.DataFrame({"train_elbo": [-1.5, -2.5], "test_elbo": [-1.6, -2.6], "seeds_together": [2, 2]})
    killed = whole.assign(train_elbo=whole["train_elbo"] * (1 + off), seeds_together=together)
    running.compare(report, whole, killed)
    assert bool(report.failed) == is_wrong
