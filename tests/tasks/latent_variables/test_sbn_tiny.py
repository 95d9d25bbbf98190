"""Sigmoid belief networks: densities, exact bounds against sums written out, and the shape of the real ones."""

import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from estimators import INDEX as ESTIMATORS
from estimators.base import evaluate, log_mean_exp
from estimators.draw import Detached, Replayed
from estimators.importance_weighted.iwae_reinforce import IWAEReinforce
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks import INDEX
from tasks.data import DataUnavailable
from tasks.images.sbn import SBNFashion, SBNMnist, SBNOmniglot
from tasks.latent_variables.sbn_tiny import SBNTiny
from tasks.parts.sigmoid_belief import SigmoidBeliefNetwork
from tests.estimators.belief import misses_on_sbn, sbn


def sums(task: SBNTiny, x: Tensor, samples: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ELBO, L_K and log p(x), [B], from a loop over every joint state (and every K-tuple of them)."""
    layers, latent = task.model.layers, task.latent
    log_q, log_p = [], []
    for state in itertools.product((0.0, 1.0), repeat=layers * latent):
        bits = torch.tensor(state, dtype=torch.float64).reshape(layers, 1, 1, latent).expand(-1, 1, len(x), -1)
        z = {f"z{layer + 1}": bits[layer] for layer in range(layers)}
        draw = Replayed(z)
        task.guide(x, draw)
        log_q.append(draw.trace.log_prob()[0])
        log_p.append(task.model(x, z)[0])
    q, p = torch.stack(log_q), torch.stack(log_p)
    bound = torch.zeros(len(x), dtype=torch.float64)
    for chosen in itertools.product(range(len(q)), repeat=samples):
        index = list(chosen)
        bound += q[index].sum(0).exp() * log_mean_exp((p - q)[index])
    return (q.exp() * (p - q)).sum(0), bound, p.logsumexp(0)


@pytest.mark.parametrize(("layers", "latent", "samples"), [(1, 3, 2), (1, 2, 3), (2, 1, 3), (3, 1, 2)])
def test_exact_values_are_the_sums_written_out(layers: int, latent: int, samples: int):
    task, x = sbn(layers, latent)
    elbo, bound, evidence = sums(task, x, samples)
    torch.testing.assert_close(task.exact("elbo", x, 1), elbo)
    torch.testing.assert_close(task.exact("iwae", x, samples), bound)
    torch.testing.assert_close(task.exact("evidence", x, 1), evidence)


def test_bounds_are_ordered_and_the_first_is_the_elbo():
    task, x = sbn(3, 2)
    bounds = [task.exact("iwae", x, samples) for samples in (1, 2, 3)]
    torch.testing.assert_close(bounds[0], task.exact("elbo", x, 1))
    for lower, upper in itertools.pairwise([*bounds, task.exact("evidence", x, 1)]):
        assert lower is not None
        assert upper is not None
        assert bool((lower < upper).all())


def test_probabilities_of_every_image_add_up_to_one():
    task, _ = sbn(2, 2)
    images = torch.tensor(list(itertools.product((0.0, 1.0), repeat=5)), dtype=torch.float64)
    evidence = task.exact("evidence", images, 1)
    assert evidence is not None
    torch.testing.assert_close(evidence.exp().sum(), torch.tensor(1.0).double())


def test_too_many_states_or_choices_have_no_exact_answer():
    assert SBNTiny(layers=3, latent=5).exact("elbo", torch.zeros(1, 5).double(), 1) is None
    task, x = sbn(3, 4)
    assert task.exact("evidence", x, 1) is not None
    assert task.exact("iwae", x, 2) is None
    assert task.exact("expectation", x, 1) is None


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_sites_are_drawn_in_order_and_depend_on_the_one_before(layers: int):
    task, x = sbn(layers)
    draw = Detached(4)
    task.guide(x, draw)
    assert list(draw.trace.sites) == [f"z{layer}" for layer in range(1, layers + 1)]
    assert [site.conditional for site in draw.trace.sites.values()] == [False] + [True] * (layers - 1)


@pytest.mark.parametrize("layers", [1, 3])
def test_log_joint_is_prior_times_likelihood(layers: int):
    task, x = sbn(layers)
    draw = Detached(3)
    task.model.prior(x, draw)
    assert list(draw.trace.sites) == [f"z{layer}" for layer in range(layers, 0, -1)]
    z = draw.trace.latents
    likelihood = Bernoulli(logits=task.model.decode(z)).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model(x, z), draw.trace.log_prob() + likelihood)


def test_simulated_pixels_follow_the_likelihood():
    task, x = sbn(2)
    draw = Detached(1)
    task.model.prior(x[:1], draw)
    z = {name: value.expand(20_000, 1, -1) for name, value in draw.trace.latents.items()}
    torch.manual_seed(0)
    pixels = task.model.simulate(z)[:, 0]
    probs = task.model.decode(z)[0, 0].sigmoid()
    # Six standard errors: one of five pixels is off once in 10^8.
    assert bool(((pixels.mean(0) - probs).abs() < 6 * (probs * (1 - probs) / 20_000).sqrt()).all())


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_unbiased_estimators_are_unbiased_in_every_layer(layers: int):
    assert not misses_on_sbn(ReinforceLOO(), samples=2, layers=layers)
    assert not misses_on_sbn(IWAEReinforce(), samples=2, layers=layers)


def test_start_is_set_from_the_data():
    task = SBNTiny()
    data = task.load()
    task.initialise(data)
    mean = (data.train.double() / 255).mean(0)
    torch.testing.assert_close(task.guide.mean, mean)
    torch.testing.assert_close(task.model.output.bias.sigmoid(), mean.clamp(0.001, 0.999))
    assert task.prepare(data.train).unique().tolist() == [0, 1]
    assert task.prepare(data.train).dtype == torch.float64


def shapes(task: SigmoidBeliefNetwork) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in task.named_parameters() if value.dim() == 2}


def test_architectures_are_those_of_disarm():
    assert shapes(SBNMnist(data="5k")) == {"guide.networks.0.1.weight": (200, 784), "model.output.weight": (784, 200)}
    assert list(shapes(SBNMnist(data="5k", architecture="nonlinear")).values()) == [
        *[(200, 784), (200, 200), (200, 200)],
        *[(200, 200), (200, 200), (784, 200)],
    ]
    deep = [(200, 784), *[(200, 200)] * 4, (784, 200)]
    assert sorted(shapes(SBNMnist(data="5k", layers=3)).values()) == sorted(deep)
    settings = SBNMnist.defaults
    assert (settings.batch_size, settings.optimizer, settings.guide_lr, settings.model_lr) == (50, "adam", 1e-4, 1e-4)


def test_references_are_estimators_that_work_with_any_number_of_samples():
    assert set(SigmoidBeliefNetwork.references.values()) <= set(ESTIMATORS)
    for name in ("sbn-tiny", "sbn-mnist", "sbn-fashion", "sbn-omniglot", "vae-categorical", "mixture-vae"):
        assert name in INDEX


def test_real_images(real_data: Path):
    omniglot, fashion = SBNOmniglot().load(), SBNFashion(layers=2).load()
    assert (omniglot.name, omniglot.train.shape, omniglot.test.shape) == (
        "omniglot-area-24345-dynamic",
        (24_345, 784),
        (8115, 784),
    )
    assert (fashion.name, fashion.train.shape) == ("fashion_mnist-60000-dynamic", (60_000, 784))


def test_missing_images_say_what_to_do(empty_cache: Path):
    with pytest.raises(DataUnavailable, match="set BENCH_DATA to a folder that holds omniglot/"):
        SBNOmniglot().load()
    with pytest.raises(DataUnavailable, match="bench data fetch fashion_mnist"):
        SBNFashion().load()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 4}, "layers must be 1, 2 or 3; it is 4"),
        ({"architecture": "deep"}, "architecture must be linear or nonlinear; it is 'deep'"),
        ({"latent": 0}, "latent must be at least 1; it is 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SBNTiny(**arguments)


def test_monte_carlo_agrees_with_the_exact_bound():
    task, x = sbn(3, 2)
    torch.manual_seed(0)
    with torch.no_grad():
        f = evaluate(task, x, Detached(40_000)).f
    exact = task.exact("elbo", x, 1)
    assert exact is not None
    # Six standard errors for two rows: a false alarm once in 10^8.
    assert bool(((f.mean(0) - exact).abs() < 6 * f.std(0) / math.sqrt(40_000)).all())
