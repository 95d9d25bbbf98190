"""The reference trajectory: where it is kept."""

from pathlib import Path

import torch

from bench.execution.initial import initial
from bench.execution.plan import Request, make_plan
from bench.execution.trajectory import reference_trajectory
from bench.names.spec import parse_spec


def test_a_trajectory_lies_beside_the_cells_of_its_task(tmp_path: Path) -> None:
    task = parse_spec("tasks.latent_variables.linear_gaussian:LinearGaussian(dim=2, n=24)")
    plan = make_plan(Request((task,), (parse_spec("reparam"),), steps=4, at="shared"))
    (cell,) = plan.cells
    start, _ = initial(cell, plan.data[str(cell.task_spec)])
    told: list[int] = []
    data = plan.data[str(cell.task_spec)]
    by, snapshots = reference_trajectory(cell, start, data, [0, 4], tmp_path, "", told.append)
    assert by == "exact"
    assert [*snapshots] == [0, 4]
    assert told == [1, 2, 3, 4]
    assert all(torch.equal(value, snapshots[0][name]) for name, value in start.state_dict().items())
    assert not all(torch.equal(value, snapshots[4][name]) for name, value in start.state_dict().items())
    (file,) = tmp_path.rglob("trajectory-*.pt")
    assert file.parent == (tmp_path / cell.folder).parent
