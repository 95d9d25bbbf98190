import gzip
import hashlib
import struct
from pathlib import Path

import pytest
import torch

from tasks.data import DataUnavailable, embedded, mnist
from tasks.data.catalogue import DATASETS, Dataset, File


def idx(*sizes: int, values: bytes) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + values


def test_parse_idx():
    assert torch.equal(
        mnist.parse_idx(idx(2, 3, values=bytes(range(6)))), torch.arange(6, dtype=torch.uint8).view(2, 3)
    )
    assert torch.equal(mnist.parse_idx(idx(3, values=b"\x07\x00\xff")), torch.tensor([7, 0, 255], dtype=torch.uint8))


@pytest.mark.parametrize(
    "content", [b"", b"P5\n", b"\0\0\x0d\x01\0\0\0\0", idx(2, 3, values=bytes(5)), b"\0\0\x08\x03\0"]
)
def test_parse_idx_refuses(content: bytes):
    with pytest.raises(ValueError, match=r"not an idx file|do not fill"):
        mnist.parse_idx(content)


@pytest.mark.parametrize(
    ("name", "mean", "labels"),
    [("mnist", 0.1307, [5, 0, 4, 1, 9]), ("fashion_mnist", 0.2860, [9, 0, 0, 3, 0])],
)
def test_real_images(real_data, name, mean, labels):
    images = mnist.load(name)
    assert images.train.shape == (60_000, 784)
    assert images.test.shape == (10_000, 784)
    assert images.train.dtype == torch.uint8
    assert images.train.double().mean().item() / 255 == pytest.approx(mean, abs=5e-5)
    assert images.train_labels is not None
    assert images.train_labels[:5].tolist() == labels
    assert images.train_labels.bincount().sum() == 60_000
    assert images.name == f"{name}-60000"


def test_images_are_upright_rows(real_data):
    # A one is a vertical stroke: it covers more rows than columns.
    images = mnist.load()
    assert images.train_labels is not None
    ones = images.train[images.train_labels == 1].view(-1, 28, 28) > 127
    assert ones.any(2).sum(1).double().mean() > 1.5 * ones.any(1).sum(1).double().mean()


def test_missing(empty_cache: Path):
    with pytest.raises(DataUnavailable, match=f"mnist is not in {empty_cache}; run `bench data fetch mnist`, or set"):
        mnist.load()


def test_content_that_is_no_idx(monkeypatch: pytest.MonkeyPatch, empty_cache: Path):
    content = gzip.compress(b"something else")
    files = tuple(File(f.path, hashlib.sha256(content).hexdigest(), len(content)) for f in DATASETS["mnist"].files)
    monkeypatch.setitem(DATASETS, "mnist", Dataset("", "", files, published=False))
    for file in files:
        (empty_cache / file.path).parent.mkdir(parents=True, exist_ok=True)
        (empty_cache / file.path).write_bytes(content)
    with pytest.raises(DataUnavailable, match=r"train-images-idx3-ubyte\.gz cannot be read: not an idx file"):
        mnist.load()


def test_embedded_digits():
    images = embedded.load()
    assert images.train.shape == (4000, 784)
    assert images.test.shape == (1000, 784)
    assert images.train_labels is not None
    assert images.test_labels is not None
    assert torch.cat([images.train_labels, images.test_labels]).bincount().tolist() == [500] * 10
    # Shuffled, and always in the same way: another order would be another training set under the same name.
    assert images.train_labels[:10].tolist() == [4, 2, 0, 9, 6, 6, 2, 1, 2, 0]
    assert "bench data fetch mnist" in images.note


def test_embedded_digits_are_mnist_training_digits(real_data):
    small, full = embedded.load(), mnist.load()
    assert full.train_labels is not None
    assert small.train_labels is not None
    known = {row.tobytes(): int(label) for row, label in zip(full.train.numpy(), full.train_labels, strict=True)}
    found = [known.get(row.tobytes()) for row in small.train.numpy()]
    assert found == small.train_labels.tolist()
