"""Modules of one's own in the working folder, and those that have their names."""

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.names.registry import TASKS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file", "reason"),
    [
        ("tasks.mine:Toy", "tasks/mine.py", "needs the module tasks.mine, which is not installed; tasks in the"),
        ("bench:Toy", "bench.py", "bench has no class Toy; bench.py in the"),
        ("statistics:Toy", "statistics.py", "statistics has no class Toy; statistics.py in the"),
    ],
)
def test_a_file_that_is_not_looked_at_is_named(folder: Path, name: str, file: str, reason: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("class Toy: ...\n")
    with pytest.raises(UsageError, match=rf"{reason} working folder was ignored, since .* has its name: rename"):
        TASKS.find(name)


def test_without_such_a_file_there_is_nothing_to_say() -> None:
    with pytest.raises(UsageError, match=r"statistics has no class Toy$"):
        TASKS.find("statistics:Toy")


def test_a_file_that_is_looked_at_is_not_in_the_way(folder: Path) -> None:
    (folder / "of_my_own.py").write_text("Toy = 1\n")
    assert TASKS.find("of_my_own:Toy") == 1
    with pytest.raises(UsageError, match=r"of_my_own has no class Other$"):
        TASKS.find("of_my_own:Other")
