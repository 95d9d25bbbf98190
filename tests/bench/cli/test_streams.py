"""A pipe whose reader leaves early, `--quiet`, and errors: what each command does about stdout and stderr."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.execution.plan import Request, make_plan
from bench.names.spec import Spec
from bench.results.store import Store
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import record

REFERENCE = Path(__file__).resolve().parents[3] / "results" / "reference"
RUN = "run --task gaussian-quadratic --estimator reinforce --no-train --replicates 40"
(CELL,) = make_plan(Request((Spec("gaussian-quadratic"),), (Spec("reinforce"),), steps=0, replicates=40)).cells
COMMANDS = [
    "run --help",
    RUN,
    f"{RUN} --dry-run",
    "reproduce --list",
    "check enumerate --task bernoulli-quadratic --jobs 1 --tolerance 0.9",
    "compare results results",
    "compare results results --format json",
    f"reference --estimator enumerate --folder {REFERENCE}",
    "list",
    "info ppca",
    "env",
    "env --format json",
    "data list",
    "data verify",
    "results validate",
    "results merge results --into all --dry-run",
    "results export --out all",
    "results clean --dry-run",
    "status",
    "status --format json",
    "table",
    "table --format csv",
    "plot variance",
]


@pytest.mark.parametrize("line", ["--help", "--version", *COMMANDS])
def test_a_reader_who_leaves_early_is_no_verdict(bench: Bench, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    Store("results").write(record(CELL))
    there, here = os.pipe()
    os.close(there)
    with os.fdopen(here, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(SystemExit) as left:
            main(shlex.split(line))
    assert left.value.code == 141


@pytest.mark.parametrize("line", COMMANDS)
def test_quiet_prints_results_only(bench: Bench, line: str) -> None:
    Store("results").write(record(CELL))
    quiet = bench(*shlex.split(line), "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.out
    assert "next:" not in quiet.out


def test_quiet_may_stand_before_the_command(bench: Bench) -> None:
    Store("results").write(record(CELL))
    for words in (["-q", "status"], ["--debug", "--quiet", "status"]):
        assert bench(*words).err == ""


def test_quiet_keeps_errors(bench: Bench) -> None:
    for words in (["run", "--task", "no-such", "--estimator", "reinforce"], ["status", "nowhere"], ["list", "--no"]):
        outcome = bench(*words, "-q")
        assert outcome.code > 0
        assert outcome.err
