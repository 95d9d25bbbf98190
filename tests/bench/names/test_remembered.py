"""Defaults that are remembered: those of this code, or none."""

import subprocess
import sys
from pathlib import Path

import pytest

import estimators
import tasks
from bench.names import remembered as module
from bench.names.described import Known, describe_estimator, describe_task, described
from bench.names.registry import ESTIMATORS, TASKS, Defaults
from bench.names.remembered import remembered
from bench.names.spec import Spec
from bench.results.declared import declared_biased
from tests.bench.execution.grids import ROOT

DEFAULTS: Defaults = {"estimator": {"one": {"a": 1, "b": 1.0, "c": "word", "d": None, "e": True}}, "task": {"two": {}}}


def _fail() -> Defaults:
    raise AssertionError("it is remembered")


def test_they_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    assert remembered("defaults", Defaults, lambda: DEFAULTS) == DEFAULTS
    # To the type: 1 is not 1.0 in a name.
    assert repr(remembered("defaults", Defaults, _fail)) == repr(DEFAULTS)
    assert [path.name for path in tmp_path.iterdir()] == ["defaults.json"]
    monkeypatch.setattr(module, "_code", lambda: "of another version")
    with pytest.raises(AssertionError):
        remembered("defaults", Defaults, _fail)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"code": "', b"\xff"])
def test_what_is_damaged_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    (tmp_path / "defaults.json").write_bytes(damage)
    assert remembered("defaults", Defaults, lambda: DEFAULTS) == DEFAULTS
    assert remembered("defaults", Defaults, _fail) == DEFAULTS


def test_a_folder_that_takes_nothing_costs_the_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file"))
    assert remembered("defaults", Defaults, lambda: DEFAULTS) == DEFAULTS


def test_status_waits_for_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    remembered(
        "defaults",
        Defaults,
        lambda: {"estimator": {name: ESTIMATORS._defaults(name) for name in ESTIMATORS._own}, "task": {}},
    )
    code = (
        "import sys; from bench.names.registry import ESTIMATORS; from bench.names.spec import Spec; "
        "print(ESTIMATORS.brief(Spec('reinforce', {'sampling': 'iid'})), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["reinforce", "False"]


def test_all_that_is_ours_is_described_alike_whether_it_is_remembered_or_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    asked = {name: describe_estimator(name, ESTIMATORS.load(name)) for name in estimators.INDEX}
    asked |= {name: describe_task(name, TASKS.load(name)) for name in tasks.INDEX}
    biased = {name for name in estimators.INDEX if not ESTIMATORS.build(Spec(name)).unbiased}
    assert biased
    # Here PyTorch is there already, and nothing is remembered.
    assert described("u2g") == asked["disarm"]
    assert not list(tmp_path.iterdir())
    remembered("descriptions", dict[str, Known], lambda: asked)
    assert repr(remembered("descriptions", dict[str, Known], _fail)) == repr(asked)
    monkeypatch.delitem(sys.modules, "torch")
    assert {name: described(name) for name in asked} == asked
    declared_biased.cache_clear()
    # Without PyTorch, what is asked is the memory.
    assert {name for name in estimators.INDEX if declared_biased(name)} == biased
    declared_biased.cache_clear()
