import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.data import DataUnavailable, omniglot
from tasks.data.catalogue import DATASETS, Dataset, File


def archive(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def put(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `content` the dataset's file, checksum included."""
    path = "omniglot/omniglot28_area_resized.npz"
    (folder / "omniglot").mkdir(parents=True)
    (folder / path).write_bytes(content)
    file = File(path, hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setitem(DATASETS, "omniglot", Dataset("", "", (file,), published=False))
    monkeypatch.setenv("BENCH_DATA", str(folder))


def test_is_split_by_who_drew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawer = np.tile(np.arange(1, 21, dtype=np.uint8), 2)
    images = np.broadcast_to(drawer[:, None, None], (40, 28, 28)).astype(np.uint8)
    alphabet = np.repeat(np.arange(2, dtype=np.uint8), 20)
    names = np.array(["Early_Aramaic", "Greek"])
    put(archive(images=images, alphabet=alphabet, drawer=drawer, alphabet_names=names), tmp_path, monkeypatch)
    found = omniglot.load()
    assert found.classes == ("Early Aramaic", "Greek")
    assert found.train.shape == (30, 784)
    assert sorted(found.train[:, 0].tolist()) == sorted([*range(1, 16)] * 2)
    assert sorted(found.test[:, 0].tolist()) == sorted([*range(16, 21)] * 2)
    assert found.train.dtype == torch.uint8
    assert found.test_labels is not None
    # The file is sorted by alphabet; the test set is not.
    assert found.test_labels.tolist() not in ([0] * 5 + [1] * 5, [1] * 5 + [0] * 5)
    assert (found.name, found.note) == ("omniglot-area-30", "30 Omniglot characters, area-averaged")


@pytest.mark.parametrize("content", [b"no archive", archive(images=np.zeros(1))])
def test_something_else_is_refused(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(content, tmp_path, monkeypatch)
    with pytest.raises(DataUnavailable, match="omniglot cannot be read"):
        omniglot.load()
