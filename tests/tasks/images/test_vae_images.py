"""The Gaussian, categorical and mixed models on clothes, characters and faces."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.names.registry import TASKS
from bench.names.spec import parse_spec
from estimators.combined.hybrid import Hybrid
from estimators.draw import Detached, probe
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task
from tasks.data import DataUnavailable, cache, mnist
from tasks.data.images import Images
from tasks.images.mixture_vae_images import MixtureMnist
from tasks.images.vae_categorical import CategoricalFashion, CategoricalOmniglot
from tasks.images.vae_images import VAEFaces, VAEFashion, VAEOmniglot
from tasks.parts.image_vae import ImageVAE
from tests.gradients import mean_differs

SMALL: dict[str, tuple[str, int, str, str]] = {
    "vae-fashion(latent=2, hidden=4, depth=1)": ("fashion_mnist", 784, "fashion_mnist-60000-dynamic", "reparam"),
    "vae-omniglot(latent=2, hidden=4, depth=1)": ("omniglot", 784, "omniglot-area-24345-dynamic", "reparam"),
    "vae-faces(latent=2, hidden=4, depth=1)": ("faces", 560, "frey-1600-grey", "reparam"),
    "vae-faces(latent=2, hidden=4, architecture=conv, layers=2)": ("faces", 560, "frey-1600-grey", "reparam"),
    "vae-categorical-fashion(variables=2, wide=4, narrow=4)": (
        "fashion_mnist",
        784,
        "fashion_mnist-60000-dynamic",
        "loo",
    ),
    "vae-categorical-omniglot(variables=2, wide=4, narrow=4)": ("omniglot", 784, "omniglot-area-24345-dynamic", "loo"),
    "mixture-vae-fashion(latent=2, hidden=4)": ("fashion_mnist", 784, "fashion_mnist-60000-dynamic", "hybrid"),
    "mixture-vae-omniglot(latent=2, hidden=4)": ("omniglot", 784, "omniglot-area-24345-dynamic", "hybrid"),
    "mixture-vae-mnist(data=5k, latent=2, hidden=4)": ("", 784, "mnist-5k-dynamic", "hybrid"),
}
ESTIMATORS = {"reparam": Reparam, "loo": ReinforceLOO, "hybrid": Hybrid}


@functools.cache
def _once(load: Callable[[str], Images], name: str) -> Images:
    return load(name)


@pytest.mark.parametrize("spec", SMALL)
def test_learns_from_its_images(spec: str, real_data: Path, monkeypatch: pytest.MonkeyPatch):
    # Unzipping it takes seconds, and once is enough.
    load = mnist.load
    monkeypatch.setattr(mnist, "load", lambda name="mnist": _once(load, name))
    dataset, pixels, name, estimator = SMALL[spec]
    if dataset and not cache.present(dataset):
        pytest.skip(f"{real_data} does not hold {dataset}")
    torch.manual_seed(0)
    task = TASKS.build(parse_spec(spec))
    assert isinstance(task, ImageVAE)
    data = task.load()
    task.initialise(data)
    assert (data.train.shape[1], data.name) == (pixels, name)
    assert pixels % task.images().width == 0
    x = task.prepare(data.train[:50])
    estimate = ESTIMATORS[estimator]().estimate(task, x, 2)
    assert estimate.objective.isfinite().all()
    gradients = torch.autograd.grad(estimate.surrogate.mean(), list(task.parameters()), allow_unused=True)
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: VAEFashion(latent=2, hidden=4), "bench data fetch fashion_mnist"),
        (lambda: VAEOmniglot(latent=2, hidden=4), "set BENCH_DATA to a folder that holds omniglot/"),
        (lambda: VAEFaces(latent=2, hidden=4), "set BENCH_DATA to a folder that holds faces/"),
        (lambda: CategoricalFashion(wide=4, narrow=4), "bench data fetch fashion_mnist"),
        (lambda: CategoricalOmniglot(wide=4, narrow=4), "set BENCH_DATA to a folder that holds omniglot/"),
    ],
)
def test_without_data_it_says_what_to_do(make: Callable[[], Task], remedy: str, empty_cache: Path):
    with pytest.raises(DataUnavailable, match=remedy):
        make().load()


def test_faces_are_grey_levels_with_a_probability():
    torch.manual_seed(0)
    task = VAEFaces(latent=2, hidden=4, depth=1).double()
    x = torch.randint(0, 256, (3, 560)).double() / 255
    draw = Detached(4)
    task.guide(x, draw)
    z = draw.trace.latents
    assert (task.model.log_likelihood(x, z) <= 0).all()
    drawn = task.model.simulate(z)
    torch.testing.assert_close((255 * drawn).round(), 255 * drawn)
    assert "model.pixels.log_scale" in dict(task.named_parameters())


def test_the_image_mixture_is_prior_times_likelihood():
    torch.manual_seed(0)
    task = MixtureMnist(data="5k", components=3, latent=2, hidden=4).double()
    x = torch.randint(0, 2, (5, 784)).double()
    draw = Detached(3)
    task.model.prior(x, draw)
    z = draw.trace.latents
    likelihood = torch.distributions.Bernoulli(logits=task.model.logits(z)).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model(x, z), draw.trace.log_prob() + likelihood)
    assert list(probe(task.guide, x).sites) == ["z1", "z2"]
    simulated = task.model.simulate({name: value[:1, :1].expand(20_000, 1, -1) for name, value in z.items()})[:, 0]
    assert not mean_differs(simulated, task.model.mean(z)[0, 0].detach())


@pytest.mark.parametrize("changes", [{"components": 1}, {"latent": 0}, {"hidden": 0}])
def test_an_empty_mixture_is_refused(changes: dict[str, Any]):
    with pytest.raises(ValueError, match="at least 2 components, 1 latent and 1 unit"):
        MixtureMnist(data="5k", **changes)
