"""What `--dry-run` says: per configuration what would run, why, and for how long."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.execution.dry_run import print_dry_run
from bench.execution.estimate import Times
from bench.execution.kept import keep
from bench.execution.plan import Plan, Request, make_plan
from bench.execution.recall import Rerun
from bench.execution.sources import Maker, Source
from bench.machine.info import hardware, software
from bench.names.spec import Spec
from bench.results.schema import RunInfo, TrainingRow
from bench.results.store import Store
from bench.settings import Cell
from tests.bench.results.samples import RUN, record

TASK, REPARAM, REINFORCE = Spec("gaussian-quadratic"), Spec("reparam"), Spec("reinforce")
HERE: RunInfo = replace(RUN, **hardware(), **software())
ELSEWHERE = replace(HERE, run="20260101T000000Z-fedcba", cores=HERE.cores + 1)


def plan_of(**asked: object) -> Plan:
    request = {"steps": 100, "checkpoints": 1, "seeds": (0, 1, 2, 3), "at": "own", **asked}
    return make_plan(Request((TASK,), (REPARAM, REINFORCE), **request))  # pyright: ignore[reportArgumentType] - fields by name


def took(cell: Cell, seconds: float, training: float = 0.0, **changes: object) -> object:
    rows = [TrainingRow(cell.training.steps, training, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)] if training else []
    return record(cell, seconds=seconds, training=rows, **changes)


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def lines(plan: Plan, folder: Path, capsys: pytest.CaptureFixture[str], rerun: Rerun | None = None) -> list[str]:
    """Return what a dry run prints, having seen that it changes nothing."""
    before = files(folder)
    print_dry_run(plan, folder, rerun)
    assert files(folder) == before
    return capsys.readouterr().out.splitlines()


def test_where_there_is_nothing_a_line_is_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(plan_of(), tmp_path / "new", capsys) == [
        "run   gaussian-quadratic · reparam · K=1 · seeds 0-3  (4 cells: new)",
        "run   gaussian-quadratic · reinforce · K=1 · seeds 0-3  (4 cells: new)",
        f"8 of 8 cells would run into {tmp_path / 'new'}/",
        "no estimate for 8 cells, since nothing similar was run here",
    ]
    assert not (tmp_path / "new").exists()


def test_it_is_said_why_a_cell_would_run_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, store = plan_of(), Store(tmp_path)
    done, failed, interrupted, unreadable, *_ = plan.cells
    store.write_run(HERE)
    store.write(record(done, seconds=8.0, training=[]))
    store.write(record(failed, status="failed", reason="out of luck", seconds=1.0))
    state = {"made": asdict(Maker.of(Source())), "trainer": {"progress": {"step": 40}}}
    checkpoint = store.checkpoint_path(interrupted)
    checkpoint.parent.mkdir(parents=True)
    keep(checkpoint, state)
    store.record_path(unreadable).parent.mkdir(parents=True)
    store.record_path(unreadable).write_text("{")
    name = "gaussian-quadratic · reparam · K=1 · seed"
    first = lines(plan, tmp_path, capsys)
    assert first[:3] == [
        f"skip  {name} 0  (done already, not run again)",
        f"skip  {name} 1  (failed before (out of luck); --rerun failed runs it again)",
        f"run   {name} 2  (interrupted at step 40, where it continues)",
    ]
    assert first[3].startswith(f"run   {name} 3  (")
    assert str(store.record_path(unreadable)) in first[3]
    assert first[4:] == [
        "run   gaussian-quadratic · reinforce · K=1 · seeds 0-3  (4 cells: new)",
        f"6 of 8 cells would run into {tmp_path}/",
        "about 16 s for 2 of them, judging by such cells on this hardware",
        "no estimate for 4 cells, since nothing similar was run here",
    ]
    assert lines(plan, tmp_path, capsys, "failed")[1] == f"run   {name} 1  (failed before (out of luck))"
    store.write_run(replace(HERE, varbench="0.0.1"))
    again = lines(plan, tmp_path, capsys, "stale")
    assert again[0] == f"run   {name}s 0,1  (2 cells: done by another version of varbench or torch)"


def test_settings_tell_configurations_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow, fast = plan_of(guide_lr=0.1, seeds=(0,)), plan_of(guide_lr=0.2, seeds=(0,))
    both = Plan([*slow.cells, *fast.cells], slow.data, [])
    assert [line.split("  ")[1].strip() for line in lines(both, tmp_path, capsys)[:4]] == [
        "gaussian-quadratic · reparam · K=1 guide_lr=0.1 · seed 0",
        "gaussian-quadratic · reinforce · K=1 guide_lr=0.1 · seed 0",
        "gaussian-quadratic · reparam · K=1 guide_lr=0.2 · seed 0",
        "gaussian-quadratic · reinforce · K=1 guide_lr=0.2 · seed 0",
    ]


def test_a_time_is_that_of_the_cells_most_like_it_on_this_hardware(tmp_path: Path) -> None:
    store, cells = Store(tmp_path), plan_of().cells
    one, two, three, four, other, *_ = cells
    store.write_run(HERE)
    store.write_run(ELSEWHERE)
    store.write(took(one, 10.0, 4.0))  # pyright: ignore[reportArgumentType] - any cell
    store.write(took(two, 1000.0, run=ELSEWHERE.run))  # pyright: ignore[reportArgumentType] - any cell
    store.write(took(three, 1000.0, status="failed"))  # pyright: ignore[reportArgumentType] - any cell
    times = Times(store, cells)
    assert times.expected(four) == pytest.approx(10.0)
    assert times.expected(other) is None
    # Twice the steps, and measured at three of them: 0, 10 and the last.
    (longer, *_) = plan_of(steps=200, checkpoints=2).cells
    assert times.expected(longer) == pytest.approx(2 * 4.0 + 3 * 6.0)
    # Of which half is done, and the first two measurements.
    assert times.expected(longer, 100) == pytest.approx(4.0 + 6.0)
    # Of another K there is nothing, and so this K is what there is.
    (wider, *_) = plan_of(samples=(50,)).cells
    assert times.expected(wider) == pytest.approx(10.0)
    (untrained, *_) = plan_of(steps=0, checkpoints=None, at=None).cells
    assert times.expected(untrained) is None


def test_seeds_in_one_step_share_its_time(tmp_path: Path) -> None:
    store, cells = Store(tmp_path), plan_of().cells
    store.write_run(HERE)
    final = record().final
    assert final is not None
    for cell in cells[:2]:
        store.write(record(cell, seconds=20.0, training=[], final=replace(final, seeds_together=2)))
    assert Times(store, cells).expected(cells[2]) == pytest.approx(10.0)


def test_several_at_a_time_share_it_but_for_the_longest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, store = plan_of(), Store(tmp_path)
    store.write_run(HERE)
    for cell, seconds in ((plan.cells[0], 10.0), (plan.cells[4], 60.0)):
        store.write(took(cell, seconds, training=1.0))  # pyright: ignore[reportArgumentType] - any cell
    said = []
    for at_once in (1, 2, 20):
        print_dry_run(plan, tmp_path, None, at_once=at_once)
        said.append(capsys.readouterr().out.splitlines()[-1].partition(",")[0])
    # Three of ten seconds and three of sixty are left.
    assert said == ["about 3 min 30 s", "about 1 min 45 s with 2 at a time", "about 1 min with 20 at a time"]
