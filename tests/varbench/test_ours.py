"""Files of somebody else's with the names of our packages: ours are imported all the same, or the file is named."""

from pathlib import Path

import pytest

from tests.varbench.conftest import Python


def test_the_command_line_works_in_a_folder_that_has_the_names(python: Python, in_the_way: Path) -> None:
    done = python("-m", "varbench", "info", "reinforce")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("code", ["from varbench import Task", "import bench"])
def test_python_code_finds_ours(python: Python, in_the_way: Path, code: str) -> None:
    (in_the_way / "bench.py").unlink()
    done = python("-c", f"{code}\nimport tasks.base, estimators, bench.errors")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("module", "file"), [("bench", "bench.py"), ("tasks.mine", "tasks/__init__.py")])
def test_what_was_imported_before_is_named(python: Python, in_the_way: Path, module: str, file: str) -> None:
    before = f"import sys; sys.path.insert(0, ''); import {module}"
    name = module.partition(".")[0]
    sentence = (
        f"{in_the_way / file} hides varbench's own package '{name}': rename it, or run varbench in another folder"
    )
    command = python("-c", f"{before}; from varbench.__main__ import main; main()")
    assert (command.returncode, command.stderr) == (2, f"Error: {sentence}\n")
    imported = python("-c", f"{before}; from varbench import Task")
    assert imported.stderr.splitlines()[-1] == f"varbench.ours.Shadowed: {sentence}"


def test_the_working_folder_is_behind_all_that_is_installed(python: Python, tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("raise RuntimeError('torch, too, imports a module of this name')\n")
    (tmp_path / "mine.py").write_text("from varbench import Task\n\nclass Toy(Task): ...\n")
    done = python("-m", "varbench", "info", "mine:Toy")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: task 'mine:Toy' does not define load")
