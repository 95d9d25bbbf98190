"""The reference trajectory: where it is kept, which one is used again, and what is said of one that diverged."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import CellsFailed
from bench.execution import kept
from bench.execution.initial import initial
from bench.execution.invocation import Asked, execute
from bench.execution.measured import unmeasured_steps
from bench.execution.plan import Plan, Request, make_plan
from bench.execution.recall import Rerun
from bench.execution.trajectory import Keeping, Trajectory, reference_trajectory
from bench.measure import cost
from bench.names.spec import parse_spec
from bench.results.schema import Record
from bench.results.store import Store
from tasks.exact import gaussian_grid
from tests.bench.results.samples import cell, record

TASK = parse_spec("tasks.latent_variables.linear_gaussian:LinearGaussian(dim=2, n=24)")
STRAYING = "tests.bench.execution.strangers:Straying"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(Request((TASK,), (parse_spec("reparam"),), steps=4, at="shared"))


def trajectory(plan: Plan, folder: Path, rerun: Rerun | None = None, run: str = "now") -> tuple[Trajectory, list[int]]:
    """Return the trajectory, and the steps that were trained to have it."""
    (one,) = plan.cells
    data = plan.data[str(one.task_spec)]
    told: list[int] = []
    keeping = Keeping(folder, run, rerun)
    found = reference_trajectory(one, initial(one, data)[0], data, [0, 4], keeping, told.append)
    return found, told


def test_a_trajectory_lies_beside_the_cells_of_its_task(tmp_path: Path, plan: Plan) -> None:
    (one,) = plan.cells
    start, _ = initial(one, plan.data[str(one.task_spec)])
    found, told = trajectory(plan, tmp_path)
    snapshots = found.snapshots
    assert found.by == "exact"
    assert [*snapshots] == [0, 4]
    assert told == [1, 2, 3, 4]
    assert all(torch.equal(value, snapshots[0][name]) for name, value in start.state_dict().items())
    assert not all(torch.equal(value, snapshots[4][name]) for name, value in start.state_dict().items())
    (file,) = tmp_path.rglob("trajectory-*.pt")
    assert file.parent == (tmp_path / one.folder).parent


@pytest.mark.parametrize(("rows", "by"), [(16, "reparam"), (2, "exact")])
def test_what_is_exact_for_one_row_need_not_be_for_a_minibatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, by: str
) -> None:
    monkeypatch.setattr(gaussian_grid, "_MOST_NUMBERS", 129**2 * 5 * 2)
    task = parse_spec("vae-mnist(data=tiny, latent=2, hidden=3, depth=1)")
    both = (parse_spec("reparam"), parse_spec("reinforce"))
    small = make_plan(Request((task,), both, steps=4, batch_size=rows))
    assert trajectory(replace(small, cells=small.cells[:1]), tmp_path)[0].by == by


@pytest.mark.parametrize(
    ("rerun", "run", "trained"),
    [
        (None, "later", False),
        ("failed", "later", False),
        ("stale", "later", False),
        ("all", "later", True),
        # Cells of one invocation are measured along one trajectory.
        ("all", "now", False),
    ],
)
def test_a_trajectory_of_this_version_is_used_again(
    tmp_path: Path, plan: Plan, rerun: Rerun | None, run: str, trained: bool
) -> None:
    trajectory(plan, tmp_path)
    assert bool(trajectory(plan, tmp_path, rerun, run)[1]) is trained


@pytest.mark.parametrize("rerun", [None, "stale", "all"])
def test_a_trajectory_of_another_version_is_trained_anew(tmp_path: Path, plan: Plan, rerun: Rerun | None) -> None:
    trajectory(plan, tmp_path)
    _change(tmp_path, lambda content: content["made"].update(varbench="0.0.1"))
    found, told = trajectory(plan, tmp_path, rerun, "later")
    assert told
    assert ("varbench was 0.0.1, and is" in found.said) is (rerun != "all")
    assert not trajectory(plan, tmp_path, run="later still")[1]


@pytest.mark.parametrize(("rerun", "trained"), [(None, False), ("failed", False), ("stale", True), ("all", True)])
def test_a_trajectory_of_the_first_version_is_read_as_it_was(
    tmp_path: Path, plan: Plan, rerun: Rerun | None, trained: bool
) -> None:
    before, _ = trajectory(plan, tmp_path)
    (file,) = tmp_path.rglob("trajectory-*.pt")
    torch.save(before.snapshots, file)
    found, told = trajectory(plan, tmp_path, rerun, "later")
    assert bool(told) is trained
    assert all(torch.equal(value, found.snapshots[4][name]) for name, value in before.snapshots[4].items())


def _change(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    (file,) = folder.rglob("trajectory-*.pt")
    content = kept.kept(file)
    assert content is not None
    change(content)
    kept.keep(file, content)


def _nowhere(content: dict[str, Any]) -> None:
    content["snapshots"][4]["guide.bias"].fill_(torch.nan)


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda content: content["snapshots"].clear(),
    "a step lost": lambda content: content["snapshots"].pop(4),
    "a step more": lambda content: content["snapshots"].update({2: content["snapshots"][4]}),
    "another task's": lambda content: content["snapshots"][4].pop("guide.bias"),
    "not finite": _nowhere,
    "no states": lambda content: content.update(snapshots=3),
    "an unknown divergence": lambda content: content.update(diverged=["inf", 3]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_trajectory_that_is_not_whole_is_set_aside_and_trained_anew(tmp_path: Path, plan: Plan, damage: str) -> None:
    before, _ = trajectory(plan, tmp_path)
    _change(tmp_path, DAMAGE[damage])
    _is_trained_anew(plan, tmp_path, before)


@pytest.mark.parametrize("content", [b"", b"PK", b"varbench kept", "empty", "a step lost", "folder"])
def test_a_file_that_is_no_trajectory_is_set_aside_and_trained_anew(
    tmp_path: Path, plan: Plan, content: bytes | str
) -> None:
    before, _ = trajectory(plan, tmp_path)
    (file,) = tmp_path.rglob("trajectory-*.pt")
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "folder":
        file.unlink()
        file.mkdir()
    else:
        torch.save({} if content == "empty" else {0: before.snapshots[0]}, file)
    _is_trained_anew(plan, tmp_path, before)


def _is_trained_anew(plan: Plan, folder: Path, before: Trajectory) -> None:
    (file,) = folder.rglob("trajectory-*.pt")
    found, told = trajectory(plan, folder)
    assert told
    assert found.said.endswith(f"is now {file.name}.corrupt-1: it was trained again")
    assert file.with_name(f"{file.name}.corrupt-1").exists()
    assert all(torch.equal(value, found.snapshots[4][name]) for name, value in before.snapshots[4].items())
    assert not trajectory(plan, folder)[1]


@pytest.fixture
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cost, "seconds", partial(cost.seconds, budget=0.0))


def shared(estimators: tuple[str, ...], **changes: Any) -> Request:
    usual = Request(
        (parse_spec("gaussian-quadratic"),),
        tuple(map(parse_spec, estimators)),
        steps=100,
        optimizer="sgd",
        checkpoints=3,
        replicates=40,
        at="shared",
    )
    return replace(usual, **changes)


def records(folder: Path) -> dict[str, Record]:
    return {one.cell.estimator: one for one in Store(folder).records()}


@pytest.mark.usefixtures("_quick")
def test_a_reference_trajectory_that_diverges_is_on_record_and_the_run_exits_with_3(tmp_path: Path) -> None:
    asked = Asked(tmp_path, None, dry_run=False, plot=False)
    request = shared(("reparam",), guide_lr=1e30)
    for _ in range(2):
        with pytest.raises(CellsFailed) as raised:
            execute(request, asked)
        assert "1 of 1 cells could not be measured at all steps asked for:" in str(raised.value)
        (one,) = records(tmp_path).values()
        (note,) = [note for note in one.notes if note.startswith("nothing was measured at steps 10, 100, since")]
        assert "the reference trajectory of exact diverged: the objective was inf at step" in note
        assert note in str(raised.value)
        assert {row.step for row in one.gradients} == {0}
        assert unmeasured_steps(one) == [10, 100]
    (file,) = tmp_path.rglob("trajectory-*.pt")
    content = kept.kept(file)
    assert content is not None
    assert content["diverged"][0] == "the objective was inf"
    # One that is cut short for a reason is whole.
    with pytest.raises(CellsFailed):
        execute(request, replace(asked, rerun="all"))
    assert not list(tmp_path.rglob("*.corrupt-*"))


@pytest.mark.usefixtures("_quick")
def test_a_cell_whose_own_training_diverges_has_its_moments_at_shared_parameters(tmp_path: Path) -> None:
    execute(shared((STRAYING, "reparam"), guide_lr=1e-2), Asked(tmp_path, None, dry_run=False, plot=False))
    found = records(tmp_path)
    assert {name: one.status for name, one in found.items()} == {STRAYING: "diverged", "reparam": "done"}
    for one in found.values():
        assert {row.step for row in one.gradients} == {0, 10, 100}
        assert unmeasured_steps(one) == []
        assert all(math.isfinite(row.value) for row in one.gradients if row.metric == "variance")


@pytest.mark.parametrize(
    ("changes", "status", "lacking"),
    [
        ({"at": "shared"}, "done", [10]),
        ({"at": "shared"}, "diverged", [10]),
        ({"at": "shared"}, "failed", []),
        ({"at": "own"}, "diverged", []),
    ],
)
def test_what_was_not_measured(changes: dict[str, Any], status: Any, lacking: list[int]) -> None:
    usual = cell()
    one = replace(usual, measurement=replace(usual.measurement, **changes))
    # The record has moments at steps 0 and 100, and 10 lies between them.
    assert unmeasured_steps(record(one, status=status)) == lacking


def test_the_trajectory_of_another_seed_is_not_taken_for_this_ones(tmp_path: Path, plan: Plan) -> None:
    before, _ = trajectory(plan, tmp_path / "R")
    (file,) = (tmp_path / "R").rglob("trajectory-*.pt")
    other = file.with_name(f"trajectory-{'0' * 16}.pt")
    kept.keep(other, {**(kept.kept(file) or {}), "snapshots": {0: before.snapshots[4], 4: before.snapshots[0]}})
    other.replace(file)
    _is_trained_anew(plan, tmp_path / "R", before)
