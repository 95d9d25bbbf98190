import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.data import DataUnavailable, faces
from tasks.data.catalogue import DATASETS, Dataset, File


def put(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `content` the dataset's file, checksum included."""
    (folder / "faces").mkdir(parents=True)
    (folder / "faces" / "freyfaces.npy").write_bytes(content)
    file = File("faces/freyfaces.npy", hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setitem(DATASETS, "faces", Dataset("", "", (file,), published=False))
    monkeypatch.setenv("BENCH_DATA", str(folder))


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_frames_are_split_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frames = np.arange(1610)[:, None] // 8 * np.ones((1, 560))
    put(saved(frames.astype(np.uint8)), tmp_path, monkeypatch)
    found = faces.load()
    assert (found.train.shape, found.test.shape) == ((1600, 560), (10, 560))
    assert found.train.dtype == torch.uint8
    assert found.width == 20
    everything = torch.cat([found.train, found.test])[:, 0].sort().values
    assert torch.equal(everything, torch.from_numpy(frames[:, 0].astype(np.uint8)).sort().values)
    assert len(found.test[:, 0].unique()) > 5


@pytest.mark.parametrize("content", [b"no array", saved(np.zeros((2000, 3), np.uint8)), saved(np.zeros((1700, 560)))])
def test_something_else_is_refused(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(content, tmp_path, monkeypatch)
    with pytest.raises(DataUnavailable, match=r"faces/freyfaces\.npy cannot be read"):
        faces.load()
