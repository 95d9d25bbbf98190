"""A file of parameters is what `torch.save` writes, or is refused before it is unpacked."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.errors import ResultsError
from bench.results.tensors import load_tensors

WEIGHTS = {"w": torch.arange(1000.0)}


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def bomb() -> bytes:
    """Return the same archive, deflated, its largest part a thousand times as long."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(WEIGHTS))) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part) * (1000 if part.file_size > 1000 else 1))
    return packed.getvalue()


def overlong() -> bytes:
    """Return the archive, whose directory says that a part is 3 GiB."""
    content = saved(WEIGHTS)
    size = (4000).to_bytes(4, "little")
    start = content.index(b"PK\x01\x02", content.rindex(size * 2) - 24)
    return content[:start] + content[start:].replace(size * 2, (3 << 30).to_bytes(4, "little") * 2)


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "a.pt")
    assert torch.equal(load_tensors(tmp_path / "a.pt")["w"], WEIGHTS["w"])
    with pytest.raises(FileNotFoundError):
        load_tensors(tmp_path / "b.pt")


@pytest.mark.parametrize(
    "content",
    [
        bomb,
        overlong,
        lambda: b"",
        lambda: saved(WEIGHTS)[:-100],
        lambda: saved(torch.zeros(3)),
        lambda: saved({}),
        lambda: saved({"w": 1}),
        lambda: pickle.dumps(WEIGHTS),
    ],
)
def test_all_else_is_refused(tmp_path: Path, content: Callable[[], bytes]) -> None:
    (tmp_path / "a.pt").write_bytes(content())
    with pytest.raises(ResultsError, match="cannot be read"):
        load_tensors(tmp_path / "a.pt")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be read"):
        load_tensors(tmp_path)
