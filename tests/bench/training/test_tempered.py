"""While β is not 1 every kind of estimator has the gradient of log weights log p(x|z) + β (log p(z) − log q(z|x)).

The gradients are compared with enumeration and quadrature that know nothing of how the task is tempered: φ and θ are
differentiated wherever they stand in the log weights.
"""

from collections.abc import Callable, Mapping
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from bench.names.building import build_estimator, build_task
from bench.names.spec import parse_spec
from bench.training.tempered import Tempered, tempered
from estimators.base import Estimator, Unfit, log_mean_exp
from estimators.draw import Replayed, joint_states
from tasks.base import Task
from tasks.latent_variables.ppca import PPCA
from tasks.latent_variables.sbn_tiny import SBNTiny
from tests.gradients import mean_differs, replicate

DISCRETE, GAUSSIAN = "sbn-tiny(latent=2)", "ppca(dim=3, latent=1, n=3)"
ROWS = 2

Bound = Callable[[Tensor], Tensor]


def elbo(log_weight: Tensor) -> Tensor:
    return log_weight.mean(0)


def renyi(log_weight: Tensor) -> Tensor:
    return log_mean_exp(0.5 * log_weight) / 0.5


def ciwae(log_weight: Tensor) -> Tensor:
    return 0.5 * log_weight.mean(0) + 0.5 * log_mean_exp(log_weight)


def parts(task: Task, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the mass of some values of z, with log p(x|z), log p(z) and log q(z|x) there, each [N, B]."""
    if isinstance(task, SBNTiny):
        states = joint_states(task.guide, x)
        guide, prior = Replayed(states), Replayed(states)
        task.guide(x, guide)
        task.model.prior(x, prior)
        log_q = guide.trace.log_prob()
        return log_q.exp(), task.model.log_likelihood(x, states), prior.trace.log_prob(), log_q
    noise = torch.linspace(-8, 8, 129, dtype=x.dtype)[:, None, None]
    found: dict[str, Tensor] = {}

    def draw(_site: str, distribution: Distribution) -> Tensor:
        assert isinstance(distribution, Independent)
        assert isinstance(distribution.base_dist, Normal)
        value = distribution.base_dist.loc + distribution.base_dist.scale * noise
        found.update(z=value, log_q=distribution.log_prob(value))
        return value

    assert isinstance(task, PPCA)
    task.guide(x, draw)
    mass = (-0.5 * noise.square()).softmax(0)[..., 0].expand(-1, len(x))
    likelihood = Normal(found["z"] @ task.model.weight.mT + task.model.bias, task.model.log_noise.exp()).log_prob(x)
    return mass, likelihood.sum(-1), Normal(0.0, 1.0).log_prob(found["z"]).sum(-1), found["log_q"]


def value(task: Task, x: Tensor, beta: float, samples: int, bound: Bound) -> Tensor:
    """Return E h(log w_1, …, log w_K) of the tempered weights, [B], K = 1 or 2."""
    mass, likelihood, log_prior, log_q = parts(task, x)
    log_weight = likelihood + beta * (log_prior - log_q)
    if samples == 1:
        return (mass * bound(log_weight[None])).sum(0)
    pairs = torch.stack(torch.broadcast_tensors(log_weight[:, None], log_weight[None]))
    return (mass[:, None] * mass[None] * bound(pairs)).sum((0, 1))


def gradient(task: Task, x: Tensor, beta: float, samples: int, bound: Bound) -> Tensor:
    """Return the gradient of its mean in φ and θ and, last, the mean: [P + 1]."""
    found = value(task, x, beta, samples, bound).mean()
    parameters = [*task.guide.parameters(), *task.model.parameters()]
    # Without its weight, the prior has no gradient.
    slopes = torch.autograd.grad(found, parameters, materialize_grads=True, allow_unused=True)
    return torch.cat([*(slope.flatten() for slope in slopes), found.detach()[None]])


@cache
def ground(name: str) -> tuple[Task, Tensor]:
    torch.manual_seed(3)
    task = build_task(parse_spec(name))
    with torch.no_grad():
        for parameter in task.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return task, task.load().train[:ROWS]


def weighed(name: str, by: str, beta: float) -> tuple[Tempered, Estimator, Tensor]:
    task, rows = ground(name)
    x = task.prepare(rows)
    estimator = build_estimator(parse_spec(by), task, x).double()
    seen = tempered(task, estimator)
    seen.model.beta.fill_(beta)
    return seen, estimator, x


CASES: Mapping[tuple[str, int, Bound], tuple[str, ...]] = {
    (GAUSSIAN, 1, elbo): (
        *("reinforce", "nvil", "reinforce-ema", "reinforce-optimal", "linear-cv(pilot=5)", "measure-valued"),
        *("reparam", "reparam(kl=analytic)", "stl", "quadratic-cv", "generalized-reparam"),
    ),
    (GAUSSIAN, 2, elbo): ("reinforce-loo", "vargrad"),
    (GAUSSIAN, 2, log_mean_exp): ("iwae", "iwae-reinforce", "vimco", "ovis", "ovis-mc", "dreg", "gdreg"),
    (GAUSSIAN, 2, renyi): ("renyi",),
    (GAUSSIAN, 2, ciwae): ("ciwae",),
    (DISCRETE, 1, elbo): (
        *("reinforce", "enumerate", "disarm", "arm", "rebar", "relax", "muprop", "local-expectation"),
        "hybrid(discrete=enumerate)",
    ),
    (DISCRETE, 2, elbo): ("arms", "double-cv", "rodeo", "unordered-set"),
    (DISCRETE, 2, log_mean_exp): ("vimco", "disarm-iw", "iwae-reinforce"),
    (DISCRETE, 2, renyi): ("renyi",),
}


ALL = [(task, by, samples, bound) for (task, samples, bound), names in CASES.items() for by in names]
AT_ZERO = ("reparam", "stl", "vimco", "dreg", "disarm", "rebar")


@pytest.mark.parametrize(
    ("task", "by", "samples", "bound", "beta"),
    [(*case, 0.4) for case in ALL] + [(*case, 0.0) for case in ALL if case[1] in AT_ZERO],
    ids=lambda value: getattr(value, "__name__", str(value)).partition("(")[0],
)
def test_the_mean_gradient_is_that_of_the_tempered_weights(
    task: str, by: str, samples: int, bound: Bound, beta: float
) -> None:
    seen, estimator, x = weighed(task, by, beta)
    drawn = replicate(seen, estimator, x, samples=samples, count=2000).matrix()
    assert not mean_differs(drawn, gradient(ground(task)[0], x, beta, samples, bound))


def test_a_gradient_that_lacks_what_the_model_has_of_the_guide_would_be_noticed() -> None:
    """In a bound of several samples φ in the model's value has a gradient, which a held φ has not."""
    task, rows = ground(GAUSSIAN)
    x, estimator = task.prepare(rows), build_estimator(parse_spec("dreg"), task, rows).double()
    seen = Tempered(task, held=True)
    seen.model.beta.fill_(0.4)
    drawn = replicate(seen, estimator, x, samples=2, count=2000).matrix()
    assert mean_differs(drawn, gradient(task, x, 0.4, 2, log_mean_exp))


def test_the_wake_phase_descends_to_the_tempered_posterior() -> None:
    """φ's mean gradient is E Σ_k w̃_k ∇_φ log q(z_k) with tempered weights, and θ's that of the bound."""
    task, _ = ground(GAUSSIAN)
    seen, estimator, x = weighed(GAUSSIAN, "rws", 0.4)
    mass, likelihood, log_prior, log_q = parts(task, x)
    log_weight = (likelihood + 0.4 * (log_prior - log_q)).detach()
    pairs = torch.stack(torch.broadcast_tensors(log_weight[:, None], log_weight[None])).softmax(0)
    fixed = joint_of(task, x)
    wake = ((mass[:, None] * mass[None]).detach() * (pairs[0] * fixed[:, None] + pairs[1] * fixed[None])).sum((0, 1))
    slopes = torch.autograd.grad(wake.mean(), list(task.guide.parameters()))
    count = sum(slope.numel() for slope in slopes)
    expected = gradient(task, x, 0.4, 2, log_mean_exp)
    expected[:count] = torch.cat([slope.flatten() for slope in slopes])
    assert not mean_differs(replicate(seen, estimator, x, samples=2, count=2000).matrix(), expected)


def joint_of(task: Task, x: Tensor) -> Tensor:
    """Return log q(z|x) at the values of `parts`, held, [N, B]."""
    kept: list[Distribution] = []
    task.guide(x, lambda _, distribution: kept.append(distribution) or distribution.mean[None])
    (distribution,) = kept
    noise = torch.linspace(-8, 8, 129, dtype=x.dtype)[:, None, None]
    return distribution.log_prob((distribution.mean + distribution.stddev * noise).detach())


def test_with_all_of_its_weight_it_is_the_task_itself() -> None:
    seen, estimator, x = weighed(GAUSSIAN, "reparam", 1.0)
    found = [replicate(task, estimator, x, count=3).matrix() for task in (seen, ground(GAUSSIAN)[0])]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def test_parameters_are_those_of_the_task_whatever_is_put_in_their_place_meanwhile() -> None:
    task, _ = ground(GAUSSIAN)
    before = [id(parameter) for parameter in task.parameters()]
    seen, estimator, x = weighed(GAUSSIAN, "iwae", 0.4)
    assert [id(parameter) for parameter in seen.parameters()] == before
    replicate(seen, estimator, x, samples=2, count=3)
    assert [id(parameter) for parameter in seen.parameters()] == before
    assert [id(parameter) for parameter in seen.model.guide.parameters()] == before[:3]


@pytest.mark.parametrize(
    ("task", "by", "reason"),
    [
        ("gaussian-quadratic", "reparam", "is a cost f"),
        ("lecture-weights", "reparam", "only has a joint density"),
        (GAUSSIAN, "naive-mc", "there is no divergence from a guide"),
        (GAUSSIAN, "wake-sleep", "draws observations from the model"),
    ],
)
def test_what_has_no_divergence_to_weigh_is_refused(task: str, by: str, reason: str) -> None:
    built = build_task(parse_spec(task))
    with pytest.raises(Unfit, match=reason):
        tempered(built, build_estimator(parse_spec(by), built, built.load().train[:1]))
