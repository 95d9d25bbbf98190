"""Defaults that are remembered: those of this code, or none."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.names import remembered as module
from bench.names.registry import ESTIMATORS
from bench.names.remembered import Defaults, remembered
from tests.bench.execution.grids import ROOT

DEFAULTS: Defaults = {"estimator": {"one": {"a": 1, "b": 1.0, "c": "word", "d": None, "e": True}}, "task": {"two": {}}}


def _fail() -> Defaults:
    raise AssertionError("it is remembered")


def test_they_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    assert remembered(lambda: DEFAULTS) == DEFAULTS
    # To the type: 1 is not 1.0 in a name.
    assert repr(remembered(_fail)) == repr(DEFAULTS)
    assert [path.name for path in tmp_path.iterdir()] == ["defaults.json"]
    monkeypatch.setattr(module, "_code", lambda: "of another version")
    with pytest.raises(AssertionError):
        remembered(_fail)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"code": "', b"\xff"])
def test_what_is_damaged_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    (tmp_path / "defaults.json").write_bytes(damage)
    assert remembered(lambda: DEFAULTS) == DEFAULTS
    assert remembered(_fail) == DEFAULTS


def test_a_folder_that_takes_nothing_costs_the_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file"))
    assert remembered(lambda: DEFAULTS) == DEFAULTS


def test_status_waits_for_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    remembered(lambda: {"estimator": {name: ESTIMATORS._defaults(name) for name in ESTIMATORS._own}, "task": {}})
    code = (
        "import sys; from bench.names.registry import ESTIMATORS; from bench.names.spec import Spec; "
        "print(ESTIMATORS.brief(Spec('reinforce', {'sampling': 'iid'})), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["reinforce", "False"]
