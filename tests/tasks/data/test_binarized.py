import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.data import DataUnavailable, binarized, cache
from tasks.data.catalogue import DATASETS, Dataset, File
from tasks.data.images import binarize


def test_text_is_read(monkeypatch: pytest.MonkeyPatch, empty_cache: Path):
    rows = np.random.default_rng(0).integers(0, 2, (3, 784))
    content = "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()
    files = tuple(
        File(f.path, hashlib.sha256(content).hexdigest(), len(content)) for f in DATASETS["binarized_mnist"].files
    )
    monkeypatch.setitem(DATASETS, "binarized_mnist", Dataset("", "", files, published=False))
    for file in files:
        (empty_cache / file.path).parent.mkdir(parents=True, exist_ok=True)
        (empty_cache / file.path).write_bytes(content)
    images = binarized.load()
    assert torch.equal(images.train, torch.from_numpy(rows).to(torch.uint8) * 255)
    assert sorted(images.test.tolist()) == sorted(images.train.tolist())


def test_real_files(real_data):
    if not cache.present("binarized_mnist"):
        pytest.skip(f"{real_data} holds no binarized_mnist/")
    images = binarized.load()
    assert images.train.shape == (50_000, 784)
    assert images.test.shape == (10_000, 784)
    assert images.train.unique().tolist() == [0, 255]
    assert (images.train == 255).double().mean().item() == pytest.approx(0.1306, abs=2e-4)


def test_missing(empty_cache: Path):
    with pytest.raises(DataUnavailable, match="run `bench data fetch binarized_mnist`"):
        binarized.load()


def test_binarize_draws_each_level_with_its_probability():
    grey = torch.arange(256, dtype=torch.uint8).repeat(4000, 1)
    drawn = binarize(grey, 3)
    assert drawn.unique().tolist() == [0, 255]
    probability = torch.arange(256).double() / 255
    rate = (drawn == 255).double().mean(0)
    # Five standard errors, in each of 256 levels: a false failure in 1 of 7000 seeds, and the seed is fixed.
    assert ((rate - probability).abs() <= 5 * (probability * (1 - probability) / 4000).sqrt()).all()


def test_binarize_is_fixed_by_its_seed():
    grey = torch.full((100, 784), 127, dtype=torch.uint8)
    assert torch.equal(binarize(grey, 1), binarize(grey, 1))
    assert not torch.equal(binarize(grey, 1), binarize(grey, 2))


def test_binarize_is_the_same_on_every_machine():
    # Static MNIST and every test set depend on it: a change would make earlier results incomparable.
    drawn = binarize(torch.full((10, 784), 127, dtype=torch.uint8), 2)
    assert hashlib.sha256(drawn.numpy().tobytes()).hexdigest()[:16] == "d0e195c3d9029841"
