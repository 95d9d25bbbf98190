from pathlib import Path

import pytest
import torch

from estimators.pathwise.reparam import Reparam
from tasks import INDEX
from tasks.data import DataUnavailable
from tasks.images.vae import VAEMnist


def test_tasks_are_in_the_index():
    assert INDEX["vae-mnist"][0] == f"{VAEMnist.__module__}:{VAEMnist.__name__}"


def test_training_improves_the_elbo():
    torch.manual_seed(0)
    task, estimator = VAEMnist(data="5k", latent=10, hidden=50, depth=1), Reparam()
    data = task.load()
    task.initialise(data)
    x = task.prepare(data.test)
    with torch.no_grad():
        before = estimator(task, x, 1).objective.mean()
    optimizer = torch.optim.Adam(task.parameters(), 3e-3)
    for rows in torch.randint(len(data.train), (200, 100)):
        optimizer.zero_grad()
        (-estimator(task, task.prepare(data.train[rows]), 1).surrogate.mean()).backward()
        optimizer.step()
    with torch.no_grad():
        after = estimator(task, x, 1).objective.mean()
    # The standard error of either mean over 1000 digits is about 1.5 nats.
    assert after > before + 20


def test_default_architecture_is_burdas():
    shapes = {name: tuple(value.shape) for name, value in VAEMnist(data="5k").named_parameters() if value.dim() == 2}
    assert shapes == {
        "guide.features.0.weight": (200, 784),
        "guide.features.2.weight": (200, 200),
        "guide.head.loc_and_log_scale.weight": (100, 200),
        "model.features.0.weight": (200, 50),
        "model.features.2.weight": (200, 200),
        "model.output.weight": (784, 200),
    }


def test_auto_takes_the_embedded_digits_without_the_full_set(empty_cache: Path):
    data = VAEMnist(hidden=4, depth=1).load()
    assert data.name == "mnist-5k-dynamic"
    assert len(data.train) == 4000
    assert "bench data fetch mnist" in data.note


def test_auto_takes_the_full_set_where_it_is(real_data: Path):
    data = VAEMnist(hidden=4, depth=1).load()
    assert data.name == "mnist-60000-dynamic"
    assert len(data.train) == 60_000


def test_auto_does_not_hide_a_corrupt_file(empty_cache: Path):
    (empty_cache / "mnist").mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (empty_cache / "mnist" / f"{part}-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(DataUnavailable, match=r"train-images-idx3-ubyte\.gz is corrupt"):
        VAEMnist(hidden=4, depth=1).load()


def test_full_without_the_files_says_what_to_do(empty_cache: Path):
    with pytest.raises(DataUnavailable, match="bench data fetch mnist"):
        VAEMnist(data="full", hidden=4, depth=1).load()


def test_fixed_binarization_admits_no_other():
    with pytest.raises(ValueError, match=r"binarization=dynamic is impossible; leave binarization out"):
        VAEMnist(data="static", binarization="dynamic")


def test_fixed_binarization_is_loaded(real_data: Path):
    if not (real_data / "binarized_mnist").is_dir():
        pytest.skip(f"{real_data} holds no binarized_mnist/")
    data = VAEMnist(data="static", binarization="static", hidden=4, depth=1).load()
    assert data.name == "binarized_mnist-50000-static"
    assert data.train.unique().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "6k"}, "data must be auto, 5k, full, static or tiny; it is '6k'"),
        ({"binarization": "fixed"}, "binarization must be static, dynamic or grey; it is 'fixed'"),
        ({"depth": 0}, "depth must be at least 1; it is 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        VAEMnist(**arguments)
