from bench.execution.note import new_run


def test_a_run_notes_the_command_and_no_path_of_the_installation() -> None:
    run = new_run(["/home/somebody/.venv/bin/bench", "run", "--task", "caf\udce9"])
    assert run.argv == ["bench", "run", "--task", r"caf\udce9"]
    assert run.run[:8] == run.started[:10].replace("-", "")
    assert new_run(["bench"]).run != run.run
