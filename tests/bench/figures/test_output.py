"""Where a figure goes: what is no regular file is written to and stays what it is."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from bench.errors import ResultsError
from bench.figures.output import is_standard_output, writing


def write(path: Path, content: bytes = b"figure") -> None:
    with writing(path) as stream:
        stream.write(content)


def test_a_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "new" / "figure.pdf"
    write(file, b"before")
    before = file.stat().st_ino
    write(file)
    assert file.read_bytes() == b"figure"
    assert file.stat().st_ino != before


def test_a_link_stays_one(tmp_path: Path) -> None:
    there, link = tmp_path / "there.pdf", tmp_path / "link.pdf"
    link.symlink_to(there)
    for content in (b"what is longer", b"figure"):
        write(link, content)
        assert link.is_symlink()
        assert there.read_bytes() == content


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join(10)
    assert read == [b"figure"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_to() -> None:
    write(Path(os.devnull))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize(("path", "reason"), [(".", "it is a folder; name a file in it"), ("file/figure.pdf", "")])
def test_where_nothing_can_be_written_a_sentence_says_so(
    path: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(ResultsError, match=f"^cannot write {path}: {reason}"):
        write(Path(path))


def test_a_full_device_is_a_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a device that is always full")
    with pytest.raises(ResultsError, match=r"^cannot write /dev/full: No space left on device$"):
        write(Path("/dev/full"))


def test_a_folder_that_is_read_only_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ResultsError, match=r"^cannot write .*figure.pdf: Read-only file system$"):
        write(tmp_path / "figure.pdf")


def test_standard_output_has_a_name(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write(Path("-"))
    assert capsysbinary.readouterr().out == b"figure"
    assert is_standard_output(Path("-"))
    assert not is_standard_output(Path("figure.pdf"))


def test_standard_output_that_is_closed_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(ResultsError, match=r"^standard output is closed: name a file with --out$"):
        write(Path("-"))
