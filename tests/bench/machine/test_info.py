import json
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.machine import info
from bench.machine.info import machine_info
from bench.results.schema import RunInfo


def test_the_machine_is_what_a_run_holds() -> None:
    assert [*machine_info()] == [field.name for field in fields(RunInfo)][3:-1]


def test_somebody_elses_checkout_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(info, "_ROOT", tmp_path)
    assert machine_info()["git_commit"] is None
    assert machine_info()["git_dirty"] is None


def test_a_missing_failing_or_silent_program_says_nothing() -> None:
    assert info._output("no-such-program-as-this") is None
    assert info._output(sys.executable, "-c", "raise SystemExit(1)") is None
    assert info._output(sys.executable, "-c", "print('  one  ')") == "one"


@pytest.mark.parametrize(
    ("backend", "allowed"),
    [
        (SimpleNamespace(allow_tf32=True), True),
        (SimpleNamespace(fp32_precision="tf32"), True),
        (SimpleNamespace(fp32_precision="ieee"), False),
        (SimpleNamespace(fp32_precision="ieee", conv=SimpleNamespace(fp32_precision="tf32")), True),
    ],
)
def test_tf32_is_read_from_old_and_new_flags(backend: SimpleNamespace, allowed: bool) -> None:
    assert info._allows_tf32(backend) is allowed


def test_env_prints_the_machine() -> None:
    text = CliRunner().invoke(cli, ["env"], catch_exceptions=False).stdout
    assert "deterministic     no" in text
    assert json.loads(CliRunner().invoke(cli, ["env", "--json"], catch_exceptions=False).stdout) == machine_info()
