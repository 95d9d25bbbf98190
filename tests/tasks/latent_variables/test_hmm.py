"""The tracked animal: recursions against enumeration, the gap against the divergence, and its turning angles."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from estimators import INDEX as ESTIMATORS
from estimators.draw import Detached, Replayed
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.latent_variables.hmm import GuideFamily, TrackedAnimal, site, tracks, wrapped_cauchy
from tests.gradients import exact_gradient, mean_differs, replicate

STATES, LENGTH = 2, 3
FAMILIES: tuple[GuideFamily, ...] = ("markov", "mean-field")


@torch.no_grad()
def small(guide: GuideFamily = "markov", length: int = LENGTH, states: int = STATES) -> tuple[TrackedAnimal, Tensor]:
    torch.manual_seed(2)
    task = TrackedAnimal(states, length, guide, hidden=2, n=4)
    for parameter in task.parameters():
        parameter += 0.4 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, task.load().train[:3]


def densities(task: TrackedAnimal, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return log q and log p of every path, [S^T, B], one path at a time."""
    log_q, log_p = [], []
    for path in itertools.product(range(task.states), repeat=task.length):
        one = torch.eye(task.states).double()
        z = {site(t): one[state].expand(1, len(x), -1) for t, state in enumerate(path, 1)}
        draw = Replayed(z)
        task.guide(x, draw)
        log_q.append(draw.trace.log_prob()[0])
        log_p.append(task.model(x, z)[0])
    return torch.stack(log_q), torch.stack(log_p)


@pytest.mark.parametrize("guide", FAMILIES)
def test_recursions_are_the_sums_over_paths(guide: GuideFamily):
    task, x = small(guide)
    log_q, log_p = densities(task, x)
    torch.testing.assert_close(log_q.logsumexp(0), torch.zeros(3).double())
    torch.testing.assert_close(task.exact("evidence", x, 1), log_p.logsumexp(0))
    torch.testing.assert_close(task.exact("elbo", x, 1), (log_q.exp() * (log_p - log_q)).sum(0))
    torch.testing.assert_close(task.exact("iwae", x, 1), task.exact("elbo", x, 1))
    pairs = torch.logaddexp((log_p - log_q)[:, None], log_p - log_q) - math.log(2)
    torch.testing.assert_close(task.exact("iwae", x, 2), torch.einsum("ib,ijb,jb->b", log_q.exp(), pairs, log_q.exp()))


def test_log_joint_is_the_densities_of_scipy():
    task, x = small()
    task.model.requires_grad_(False)
    model = task.model
    path = [1, 0, 0]
    initial, move = model.initial.softmax(0), model.transition.softmax(-1)
    expected = math.log(initial[1] * move[1, 0] * move[0, 0])
    for (step, angle), state in zip(x[0].tolist(), path, strict=True):
        expected += stats.norm.logpdf(step, float(model.loc[state]), math.exp(model.log_scale[state]))
        turned = (angle - float(model.direction[state])) % (2 * math.pi)
        expected += stats.wrapcauchy.logpdf(turned, float(model.directedness[state].sigmoid()))
    z = {site(t): torch.eye(2).double()[state].reshape(1, 1, -1) for t, state in enumerate(path, 1)}
    assert float(model(x[:1], z)) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("guide", FAMILIES)
def test_the_gap_is_the_divergence(guide: GuideFamily):
    task, x = small(guide)
    log_q, log_p = (value.detach() for value in densities(task, x))
    divergence = stats.entropy(log_q.exp(), log_p.exp())
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    assert bool((elbo < evidence).all())
    np.testing.assert_allclose((evidence - elbo).detach(), divergence, rtol=1e-9)


class Unary(nn.Module):
    """A network that gives the given logits [T · S]."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, features: Tensor) -> Tensor:
        return self.logits.expand(len(features), -1)


@torch.no_grad()
def test_the_markov_guide_can_hold_the_posterior():
    task, x = small("markov", length=15, states=3)
    x = x[:1]
    move, emission = task.model.transition.log_softmax(-1), task.model.log_emission(x)[0]
    message, logits = torch.zeros(3).double(), []
    for time in reversed(range(15)):
        logits.insert(0, emission[time] + message)
        message = torch.logsumexp(move + logits[0], 1)
    logits[0] = logits[0] + task.model.initial
    transition = task.guide.transition
    assert transition is not None
    transition.copy_(move)
    task.guide.network = nn.Sequential(Unary(torch.cat(logits)))
    torch.testing.assert_close(task.exact("elbo", x, 1), task.exact("evidence", x, 1))


def test_sites_are_drawn_in_order_and_depend_on_the_one_before():
    for guide in FAMILIES:
        task, x = small(guide)
        draw = Detached(4)
        task.guide(x, draw)
        conditional = {name: drawn.conditional for name, drawn in draw.trace.sites.items()}
        rest = guide == "markov"
        assert conditional == {"z1": False, "z2": rest, "z3": rest}


def test_draws_from_the_model_follow_it():
    task, x = small()
    count = 20_000
    torch.manual_seed(0)
    draw = Detached(count)
    with torch.no_grad():
        task.model.prior(x[:1], draw)
        tracks_drawn = task.model.simulate(draw.trace.latents)[:, 0]
        # E log p(x) under p is largest for p: its derivative in every parameter is zero on average.
        scores = torch.func.vmap(torch.func.grad(_log_p), in_dims=(None, None, 0))(
            dict(task.model.named_parameters()), task, tracks_drawn
        )
    matrix = torch.cat([score.flatten(1) for score in scores.values()], 1)
    assert not mean_differs(matrix, torch.zeros(matrix.shape[1]).double())


def _log_p(values: dict[str, Tensor], task: TrackedAnimal, track: Tensor) -> Tensor:
    return torch.func.functional_call(Evidence(task), {f"task.model.{k}": v for k, v in values.items()}, (track[None],))


class Evidence(nn.Module):
    def __init__(self, task: TrackedAnimal) -> None:
        super().__init__()
        self.task = task

    def forward(self, x: Tensor) -> Tensor:
        return self.task.model.log_evidence(x)[0]


def test_the_density_of_a_step_integrates_to_one():
    task, _ = small()
    # Equidistant nodes are exact to rounding for what is periodic, and for what has died away at the ends.
    steps = torch.linspace(-15, 15, 301, dtype=torch.float64)
    angles = torch.linspace(-math.pi, math.pi, 201, dtype=torch.float64)[:-1]
    density = task.model.log_emission(torch.cartesian_prod(steps, angles)[None]).exp().sum(1)
    total = density.detach() * 0.1 * 2 * math.pi / 200
    torch.testing.assert_close(total, torch.ones(1, STATES).double(), rtol=1e-8, atol=0)


def test_turning_angles_have_their_direction_and_resultant():
    uniform = (torch.arange(100_000).double() + 0.5) / 100_000
    angle = wrapped_cauchy(uniform, torch.tensor(2.5).double(), torch.tensor(0.6).double())
    assert float((angle - 2.5).cos().mean()) == pytest.approx(0.6, abs=1e-6)
    assert float((angle - 2.5).sin().mean()) == pytest.approx(0, abs=1e-6)
    assert float(angle.abs().max()) <= math.pi


def test_exact_answers_end_where_paths_are_too_many():
    task, x = small(length=13)
    assert task.exact("elbo", x, 1) is not None
    assert task.exact("evidence", x, 1) is not None
    assert task.exact("iwae", x, 2) is None
    assert task.exact("sleep", x, 1) is None


@pytest.mark.parametrize("guide", FAMILIES)
def test_unbiased(guide: GuideFamily):
    task, x = small(guide)
    draws = replicate(task, ReinforceLOO(), x, samples=2, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_tracks_are_the_same_always_and_activities_last():
    assert np.array_equal(tracks(5, 4, 1), tracks(5, 4, 1))
    step = tracks(2000, 12, 0)[:, :, 0]
    rested = step < -1
    # Independent activities would follow a rest by a rest a third of the time; the chain does 85% of the time.
    assert (rested[:, 1:] & rested[:, :-1]).sum() / rested[:, :-1].sum() > 0.7


def test_references_are_estimators():
    assert {name.partition("(")[0] for name in TrackedAnimal.references.values()} <= set(ESTIMATORS)


def test_bad_arguments():
    with pytest.raises(ValueError, match="guide must be markov or mean-field; it is 'chain'"):
        TrackedAnimal(guide="chain")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least 2 states, 2 steps, 1 unit and 1 track; there are 1, 12, 50, 500"):
        TrackedAnimal(states=1)
