from bench.execution.note import new_run
from bench.execution.plan import Request, make_plan
from bench.names.spec import Spec, parse_spec
from bench.results.schema import Planned


def test_a_run_notes_the_command_and_no_path_of_the_installation() -> None:
    run = new_run(["/home/somebody/.venv/bin/bench", "run", "--task", "caf\udce9"], [])
    assert run.argv == ["bench", "run", "--task", r"caf\udce9"]
    assert run.run[:8] == run.started[:10].replace("-", "")
    assert new_run(["bench"], []).run != run.run


def test_a_run_notes_its_cells() -> None:
    tasks = (Spec("ppca"), parse_spec("polynomial-regression(degree=2, n=30)"))
    cells = make_plan(Request(tasks, (Spec("reparam"),))).cells
    assert new_run(["bench"], cells).cells == [
        Planned(cells[0].folder, "ppca", "reparam"),
        Planned(cells[1].folder, "polynomial-regression(degree=2)", "reparam"),
    ]
