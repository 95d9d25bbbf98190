"""Two processes and one cell: the second waits for the first one's result, or leaves with a code of its own."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bench as varbench
from bench.execution.plan import Request, make_plan
from bench.names.spec import Spec
from bench.results.store import Store
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import CHEAPEST, environment, words
from tests.bench.results.samples import record
from tests.long import LONG

TOY = ("--task", "gaussian-quadratic", "--estimator", "reinforce", "--no-train", "--replicates", "40")
(CELL,) = make_plan(Request((Spec("gaussian-quadratic"),), (Spec("reinforce"),), steps=0, replicates=40)).cells


@contextmanager
def _other_process(store: Store, seconds: float, ends_with: bool) -> Iterator[None]:
    """Hold the lock of the cell for some seconds, and leave a record, or nothing."""
    held = threading.Event()

    def run() -> None:
        with store.lock(CELL):
            held.set()
            threading.Event().wait(seconds)
            if ends_with:
                store.write(record(CELL, started="2026-02-02T00:00:00+00:00"))

    other = threading.Thread(target=run)
    other.start()
    held.wait()
    yield
    other.join()


@pytest.fixture
def store(bench: Bench) -> Store:
    return Store(Path("results"))


@pytest.mark.parametrize("options", [(), ("--rerun", "all")])
def test_the_second_waits_and_prints_the_record_of_the_first(
    bench: Bench, store: Store, options: tuple[str, ...]
) -> None:
    with _other_process(store, 5.0, ends_with=True):
        outcome = bench("run", *TOY, *options)
    assert outcome.code == 0, outcome.err
    assert "another process is running it; waiting for its result" in outcome.err
    assert "reinforce K=1" in outcome.out
    assert list(varbench.load().final.started) == ["2026-02-02T00:00:00+00:00"]
    assert list(store.runs()) == []


def test_what_the_first_leaves_undone_is_run(bench: Bench, store: Store) -> None:
    with _other_process(store, 1.0, ends_with=False):
        outcome = bench("run", *TOY)
    assert (outcome.code, len(list(store.runs()))) == (0, 1)
    assert "reinforce K=1" in outcome.out


def test_the_cells_that_nobody_runs_come_first(bench: Bench, store: Store) -> None:
    with _other_process(store, 4.0, ends_with=True):
        outcome = bench("run", *TOY, "--seeds", "0-1")
    assert outcome.code == 0, outcome.err
    assert 0 < outcome.err.index("seed 1 ·") < outcome.err.index("seed 0: another process is running it")


def test_who_does_not_wait_gets_the_others_and_a_code(bench: Bench, store: Store) -> None:
    with _other_process(store, 4.0, ends_with=True):
        outcome = bench("run", *TOY, "--seeds", "0-1", "--no-wait")
    assert outcome.code == 6
    assert "1 of 2 cells are being run by another process" in outcome.err
    assert "reinforce K=1" in outcome.out


@LONG
@pytest.mark.parametrize("executor", ["local", "dask"])
def test_two_that_run_the_same_cells_in_several_processes_have_one_result(tmp_path: Path, executor: str) -> None:
    asked = ("--estimator", "reinforce", "--seeds", "0-3", "--jobs", "2", "--executor", executor)
    command, environ = words("run", *CHEAPEST, *asked), environment(tmp_path)
    both = [subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=300)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sum(text.count(" · took ") for text in said) == 4
    assert sorted(varbench.load(tmp_path / "results").final["seed"]) == [0, 1, 2, 3]
