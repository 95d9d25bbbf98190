import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from estimators import INDEX as ESTIMATORS
from estimators.base import Estimator, log_mean_exp
from estimators.discrete.rebar import Rebar
from estimators.draw import Detached, Replayed
from estimators.importance_weighted.vimco import VIMCO
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.images.vae_categorical import CategoricalMnist
from tests.gradients import exact_gradient, mean_differs, replicate


def tiny(categories: int = 3, variables: int = 2) -> tuple[CategoricalMnist, Tensor]:
    """Return a small task in float64 with all parameters moved, and two observations."""
    torch.manual_seed(3)
    task = CategoricalMnist("tiny", categories=categories, variables=variables, wide=4, narrow=3).double()
    data = task.load()
    task.initialise(data)
    with torch.no_grad():
        for value in task.parameters():
            value += 0.3 * torch.randn(value.shape, dtype=value.dtype)
    return task, task.prepare(data.train[:2])


def test_exact_values_are_the_sums_written_out():
    task, x = tiny()
    log_q, log_p = [], []
    for state in itertools.product(range(3), repeat=2):
        z = {"z": torch.eye(3).double()[list(state)][None, None].expand(-1, 2, -1, -1)}
        draw = Replayed(z)
        task.guide(x, draw)
        log_q.append(draw.trace.log_prob()[0])
        log_p.append(task.model(x, z)[0])
    q, p = torch.stack(log_q), torch.stack(log_p)
    pairs = [list(pair) for pair in itertools.product(range(9), repeat=2)]
    bound = torch.stack([q[pair].sum(0).exp() * log_mean_exp((p - q)[pair]) for pair in pairs]).sum(0)
    torch.testing.assert_close(q.exp().sum(0), torch.ones(2).double())
    torch.testing.assert_close(task.exact("elbo", x, 1), (q.exp() * (p - q)).sum(0))
    torch.testing.assert_close(task.exact("iwae", x, 2), bound)
    torch.testing.assert_close(task.exact("evidence", x, 1), p.logsumexp(0))


def test_probabilities_of_every_image_add_up_to_one():
    task, _ = tiny()
    evidence = task.exact("evidence", torch.tensor(list(itertools.product((0.0, 1.0), repeat=5))).double(), 1)
    assert evidence is not None
    torch.testing.assert_close(evidence.exp().sum(), torch.tensor(1.0).double())


def test_log_joint_is_prior_times_likelihood():
    task, x = tiny()
    draw = Detached(4)
    task.model.prior(x, draw)
    z = draw.trace.latents
    likelihood = torch.distributions.Bernoulli(logits=task.model.decode(z["z"])).log_prob(x).sum(-1)
    torch.testing.assert_close(task.model(x, z), draw.trace.log_prob() + likelihood)


@pytest.mark.parametrize(("estimator", "samples"), [(ReinforceLOO(), 2), (Rebar().double(), 1), (VIMCO(), 2)])
def test_unbiased(estimator: Estimator, samples: int):
    task, x = tiny()
    estimator.prepare(task, x)
    estimator.double()
    draws = replicate(task, estimator, x, samples=samples, count=20_000, chunk=5_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, estimator.target(task), x, samples=samples))


def test_references_are_estimators():
    assert set(CategoricalMnist.references.values()) <= set(ESTIMATORS)


def test_default_architecture_is_reinmax_s():
    shapes = [tuple(value.shape) for value in CategoricalMnist("5k").parameters() if value.dim() == 2]
    assert shapes == [(512, 784), (256, 512), (300, 256), (256, 300), (512, 256), (784, 512)]


def test_is_exact_only_where_there_are_few_states(empty_cache: Path):
    task = CategoricalMnist("tiny", categories=5, variables=6, wide=2, narrow=2).double()
    assert task.exact("elbo", task.prepare(task.load().train), 1) is None
    assert CategoricalMnist(categories=2, variables=1, wide=2, narrow=2).load().name == "mnist-5k-dynamic"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"categories": 1}, "at least 2 categories and 1 variable; there are 1, 30"),
        ({"wide": 0}, r"at least one unit; they have \[0, 256\]"),
        ({"data": "6k"}, "data must be auto, 5k, full, static or tiny; it is '6k'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        CategoricalMnist(**arguments)
