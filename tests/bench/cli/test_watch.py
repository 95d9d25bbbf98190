"""`bench status --watch`: until nothing is left to go, in lines or drawn on a terminal."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from bench.cli import watch
from bench.execution import console
from bench.execution.console import Console
from bench.results import standing
from bench.results.schema import Planned
from bench.results.standing import Known, standings
from bench.results.store import Begun, Store
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import RUN, cell, record


class Script:
    """What happens to a results folder between looks, in place of waiting."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.steps.pop(0)()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a folder with a finished cell, and a note of a run that was to see to two more."""
    store = Store(tmp_path / "results")
    store.write(record())
    cells = [cell(seed=1), cell(seed=2)]
    store.write_run(replace(RUN, cells=[Planned(one.folder, one.task, one.estimator) for one in cells]))
    return store


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_pipe_has_a_line_per_change(bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(
        lambda: None,
        lambda: store.write(record(cell(seed=1))),
        lambda: store.begin(Begun(cell(seed=2), RUN.run)),
        lambda: store.write(record(cell(seed=2), status="failed", reason="out of luck")),
    )
    monkeypatch.setattr(watch.time, "sleep", script)
    outcome = bench("status", "results", "--watch", "--every", "7")
    assert [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in outcome.out.splitlines()] == [
        "2 not begun, 1 done",
        "2 done, 1 not begun",
        "2 done, 1 interrupted",
        "2 done, 1 failed",
    ]
    assert script.waited == [7.0] * 4
    assert outcome.code == 3


def test_what_is_finished_is_told_at_once(bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2):
        store.write(record(cell(seed=seed)))
    monkeypatch.setattr(watch.time, "sleep", Script())
    outcome = bench("status", "results", "--watch")
    assert outcome.out.endswith("  3 done\n")
    assert outcome.code == 0
    assert "bench table" in outcome.err


def test_an_interruption_is_one(bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch.time, "sleep", Script(interrupt))
    assert bench("status", str(store.folder), "--watch").code == 130


def test_a_terminal_is_drawn_anew_and_ends_with_the_tables(
    bench: Bench, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = StringIO()
    monkeypatch.setattr(console, "Console", lambda: Console(file=screen, force_terminal=True, width=80))

    def begin() -> None:
        store.write(record(cell(seed=1)))
        store.begin(Begun(cell(seed=2), RUN.run))

    monkeypatch.setattr(watch.time, "sleep", Script(begin, lambda: store.write(record(cell(seed=2)))))
    outcome = bench("status", "results", "--watch")
    drawn = screen.getvalue()
    assert "2 not begun, 1 done" in drawn
    assert "interrupted: vae-mnist" in drawn
    assert outcome.out.endswith("\n\n3 done\n")


def test_json_is_not_watched(bench: Bench, store: Store) -> None:
    outcome = bench("status", str(store.folder), "--watch", "--format", "json")
    assert outcome.code == 2
    assert "--watch is for people" in outcome.err


def test_a_record_is_read_once_however_often_it_is_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    real = standing.read_record
    monkeypatch.setattr(standing, "read_record", lambda path: (read.append(path), real(path))[1])
    known: Known = {}
    first = list(standings(store, known=known))
    assert list(standings(store, known=known)) == first
    assert read == [store.record_path(cell())]
    # Neither a record that was written anew nor a cell that is run again is what it was.
    store.write(record(status="failed", reason="out of luck"))
    assert next(standings(store, known=known)).state == "failed"
    with store.lock(cell()):
        store.begin(Begun(cell(), RUN.run))
        assert next(standings(store, known=known)).state == "running"
