"""Jobs and who runs them: each cell once, and no job for ever."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib.externals import loky

from bench.errors import MachineTrouble, UsageError
from bench.execution.asked import Asked
from bench.execution.code import code
from bench.execution.console import Console
from bench.execution.engines import local
from bench.execution.engines.choice import engine_of, threads_as_in
from bench.execution.engines.engine import Ears
from bench.execution.engines.local import Local, gpus_here
from bench.execution.engines.threads import threads_of
from bench.execution.job import Due, Job, Outcome, Terms, run_job
from bench.execution.longest import longest_first
from bench.execution.making import Making
from bench.execution.plan import Request, make_plan
from bench.execution.relay import Begin, Event
from bench.execution.session import Session
from bench.execution.sources import Source
from bench.machine.info import hardware
from bench.names.spec import Spec
from bench.results.store import Store

PLAN = make_plan(
    Request((Spec("gaussian-quadratic"),), (Spec("reinforce"),), seeds=(0, 1), steps=0, replicates=40, precision=None)
)


def job(out: Path, *seeds: int, stamp: int | None = None) -> Job:
    making, threads = Making("now", None, ("a note",)), torch.get_num_threads()
    terms = Terms(out, making, ("bench",), frozenset(), threads, False, hardware(), code())
    return Job(tuple(Due(PLAN.cells[seed], Source(), stamp) for seed in seeds), terms)


class Told:
    """Hears what an engine's processes tell."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def hear(self, who: int, event: Event) -> None: ...

    def rest(self, who: int) -> None: ...

    def say(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(message)


def test_the_longest_job_comes_first_and_one_of_which_nothing_is_known_before_it(tmp_path: Path) -> None:
    estimators = tuple(map(Spec, ("reinforce", "spsa", "measure-valued", "reparam")))
    asked = Request((Spec("gaussian-quadratic"),), estimators, samples=(4,), steps=20, replicates=40, precision=None)
    cells = make_plan(asked).cells
    terms = job(tmp_path, 0).terms
    ordered = longest_first([Job((Due(cell, Source(), None),), terms) for cell in cells])
    # How often measure-valued evaluates the model depends on the task; spsa does twice for each sample.
    assert [one.due[0].cell.estimator for one in ordered] == ["measure-valued", "spsa", "reinforce", "reparam"]


def test_a_job_is_done_once_however_often_it_is_given(tmp_path: Path) -> None:
    events: list[Event] = []
    mine = job(tmp_path, 0)
    first = run_job(mine, events.append)
    assert first.done == (PLAN.cells[0].id,)
    assert Begin(first.done) in events
    written = Store(tmp_path).stamp(PLAN.cells[0])
    again = run_job(mine, events.append)
    assert again.done == first.done
    assert Store(tmp_path).stamp(PLAN.cells[0]) == written
    record = Store(tmp_path).read(PLAN.cells[0])
    assert record is not None
    assert (record.run, record.notes[0]) == ("now", "a note")
    # One that was to be run again is, and then no more.
    anew = job(tmp_path, 0, stamp=written)
    run_job(anew, events.append)
    once_more = Store(tmp_path).stamp(PLAN.cells[0])
    assert once_more != written
    run_job(anew, events.append)
    assert Store(tmp_path).stamp(PLAN.cells[0]) == once_more


def test_a_cell_that_somebody_else_runs_is_left_to_him(tmp_path: Path) -> None:
    held, over = threading.Event(), threading.Event()

    def other() -> None:
        with Store(tmp_path).lock(PLAN.cells[0]):
            held.set()
            over.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(60)
    found = run_job(job(tmp_path, 0, 1), lambda _: None)
    over.set()
    thread.join()
    assert (found.busy, found.done) == ((PLAN.cells[0].id,), (PLAN.cells[1].id,))


def test_other_hardware_has_a_note_of_its_own(tmp_path: Path) -> None:
    mine = job(tmp_path, 0)
    elsewhere = replace(mine, terms=replace(mine.terms, making=Making("there"), hardware={"cpu": "another"}))
    run_job(elsewhere, lambda _: None)
    (note,) = Store(tmp_path).runs()
    record = Store(tmp_path).read(PLAN.cells[0])
    assert record is not None
    assert record.run == note.run
    assert {key: getattr(note, key) for key in hardware()} == hardware()


def test_a_process_with_other_code_runs_nothing(tmp_path: Path) -> None:
    mine = job(tmp_path, 0)
    with pytest.raises(UsageError, match=r"the command that sent it cells runs varbench 0\.0: let both run the same"):
        run_job(replace(mine, terms=replace(mine.terms, code="varbench 0.0")), lambda _: None)
    assert not list(tmp_path.glob("*/*"))


def test_a_job_that_kills_its_processes_is_tried_alone_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = job(tmp_path, 0), job(tmp_path, 1)
    tried: list[list[str]] = []

    def run(_: Local, work: Any) -> Iterator[Outcome]:
        tried.append([one.name for one in work.jobs])
        for number, one in enumerate(work.jobs):
            work.hear(number, Begin((one.name,)))
        if bad in work.jobs:
            raise loky.BrokenProcessPool
        yield from map(Outcome, work.jobs)

    monkeypatch.setattr(Local, "_run", run)
    told = Told()
    outcomes = [*Local(2, 1).run([bad, good], told)]
    assert tried == [[bad.name, good.name]] * 3 + [[bad.name], [good.name]]
    assert [one.job for one in outcomes] == [bad, good]
    assert outcomes[0].died.startswith("the process that ran it was killed 4 times, as happens when")
    assert not outcomes[1].died
    assert len(told.said) == 3


def test_processes_that_never_begin_end_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any) -> Iterator[Outcome]:
        yield from ()
        raise loky.BrokenProcessPool

    monkeypatch.setattr(Local, "_run", run)
    with pytest.raises(MachineTrouble, match="processes are killed before they start a cell"):
        list(Local(2, 1).run([job(tmp_path, 0)], Told()))


def test_a_cell_that_kills_its_process_is_recorded_as_failed(tmp_path: Path) -> None:
    class Deadly:
        threads, at_once, note, where = 1, 2, "", ""

        def run(self, jobs: Any, ears: Ears) -> Iterator[Outcome]:
            yield Outcome(jobs[0], died="killed")
            yield run_job(jobs[1], lambda _: None)

    asked = Asked(tmp_path, None, dry_run=False, plot=False)
    session = Session(PLAN, Store(tmp_path), asked, Console(stderr=True, quiet=True))
    found = [*session.send_or_recall([[cell] for cell in PLAN.cells], Deadly())]
    assert [(one.cell, one.status, one.reason) for one in found] == [
        (PLAN.cells[0], "failed", "killed"),
        (PLAN.cells[1], "done", None),
    ]
    assert Store(tmp_path).read(PLAN.cells[0]) == found[0]


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [(None, 2, ("0", "1")), ("2,3", 2, ("2", "3")), ("GPU-a, GPU-b", 2, ("GPU-a", "GPU-b")), (None, 0, ())],
)
def test_gpus_are_called_what_their_processes_see(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int, expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_here() == expected


@pytest.mark.parametrize(("told", "expected"), [(None, 2), ("8", 8)])
def test_threads_are_divided_unless_somebody_has_said_how_many(
    monkeypatch: pytest.MonkeyPatch, told: str | None, expected: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    if told is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads_of(4) == expected
    assert threads_of(16) == (1 if told is None else 8)


def test_the_parent_computes_with_as_many_threads_as_its_processes(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    engine = Local(2, before + 1)
    with threads_as_in(engine):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    assert engine_of(Asked(tmp_path, None, dry_run=False, plot=False), "cpu") is None


def test_processes_take_gpus_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "gpus_here", lambda: ("2", "3"))
    engine = engine_of(Asked(tmp_path, None, dry_run=False, plot=False, jobs=4), "cuda")
    assert engine is not None
    assert engine.where == "4 processes, 2 GPUs"
