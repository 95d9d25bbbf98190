"""A half-written file stays while its writer lives, and goes when the writer was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.results import atomic
from bench.results.atomic import remove_abandoned, replacing
from bench.results.leftovers import remove_strays

needs_locks = pytest.mark.skipif(atomic.fcntl is None, reason="on Windows no file that is open can be removed")

DYING = (
    "import os, signal, sys; from pathlib import Path; from bench.results.atomic import replacing\n"
    "with replacing(Path(sys.argv[1])) as file:\n"
    "    file.write(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
)


def halves(folder: Path) -> list[Path]:
    return list(folder.glob("*.tmp"))


def kill_writer(path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", DYING, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert halves(path.parent), "the writer has left nothing"


def write(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"whole")


def test_the_next_to_write_a_file_removes_what_a_killed_process_has_left_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a[1].pdf"
    kill_writer(path)
    write(tmp_path / "a1.pdf")
    assert halves(tmp_path), "of another file"
    write(path)
    assert {each.name for each in tmp_path.iterdir()} == {"a[1].pdf", "a1.pdf"}
    assert path.read_bytes() == b"whole"


@needs_locks
def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.pdf") as file:
        remove_abandoned(tmp_path)
        write(tmp_path / "a.pdf")
        assert halves(tmp_path)
        file.write(b"the last")
    assert (tmp_path / "a.pdf").read_bytes() == b"the last"
    assert not halves(tmp_path)


@needs_locks
def test_it_stays_until_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = Path.replace

    def replace(path: Path, target: Path) -> Path:
        remove_abandoned(tmp_path)
        return renamed(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"whole"


@needs_locks
def test_a_file_that_was_taken_for_abandoned_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, removed = atomic.fcntl.flock, list[Path]()

    def flock(file: Any, how: int) -> None:
        if not removed:
            removed.extend(halves(tmp_path))
            os.unlink(file.name)
        locked(file, how)

    monkeypatch.setattr(atomic.fcntl, "flock", flock)
    write(tmp_path / "a")
    assert len(removed) == 1
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert not halves(tmp_path)


def test_a_folder_without_locks_takes_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: Any) -> None:
        raise OSError("no locks here")

    kill_writer(tmp_path / "a")
    if atomic.fcntl is not None:
        monkeypatch.setattr(atomic.fcntl, "flock", flock)
    write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert len(halves(tmp_path)) == (0 if atomic.fcntl is None else 1), "whose writer may be alive"


@pytest.mark.parametrize("name", ["runs/a-run.json", "figures/variance.pdf", "a-task/trajectory-0123456789abcdef.pt"])
def test_a_run_removes_what_a_killed_one_has_left_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    kill_writer(path)
    with replacing(path.with_name(f"{path.stem}2{path.suffix}")) as file:
        remove_strays(tmp_path)
        assert len(halves(path.parent)) == (0 if atomic.fcntl is None else 1)
        file.write(b"whole")
    assert not halves(path.parent)
