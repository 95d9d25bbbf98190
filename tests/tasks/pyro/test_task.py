"""Pyro models as tasks: gradients against closed forms, sums written out and Pyro's own; parameters; readings."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false

import copy
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Normal, transform_to

from bench.check.collect import collect
from bench.check.run import Settings, run_plan
from bench.measure.replicates import gradient_of
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from estimators.base import evaluate
from estimators.draw import Detached
from tasks.pyro import PyroPrograms, from_pyro
from tests.gradients import FALSE_ALARM, exact_gradient, mean_differs, replicate
from tests.tasks.pyro import examples
from tests.tasks.pyro.examples import VAE, Decoder, Registered

PIXELS = (torch.arange(30).reshape(6, 5) % 3 == 0).float()
ROWS = torch.tensor([-1.2, 0.3, 0.9, -0.1, 1.7])
TABLE = torch.tensor([[0.5, -1.0], [1.5, 0.2], [-0.7, 0.8], [0.1, 0.1], [-1.1, -0.4], [0.9, 1.3]])
LABELS = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])


def sides() -> tuple[PyroPrograms, Tensor]:
    return observed(from_pyro(examples.sides, examples.sides_guide, examples.OBSERVED))


def observed(task: PyroPrograms, rows: slice = slice(None)) -> tuple[PyroPrograms, Tensor]:
    """Return a task in float64, with observations."""
    task = task.double()
    return task, task.prepare(task.load().train[rows]).double()


def test_a_global_gaussian_and_a_plated_bit_have_an_exact_elbo():
    task, x = sides()
    loc, scale, probs = (value.detach().requires_grad_() for value in task.guide.values.values())
    constrained = loc, scale.exp(), transform_to(torch.distributions.constraints.unit_interval)(probs)
    value = examples.sides_elbo(examples.OBSERVED.double(), *constrained)
    slopes = torch.cat([slope.reshape(-1) for slope in torch.autograd.grad(value, (loc, scale, probs))])
    expected = torch.cat([slopes, value.detach()[None]])
    torch.testing.assert_close(exact_gradient(task, "elbo", x), expected, rtol=1e-9, atol=1e-9)
    assert task.exact("evidence", x, 1) is None


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        *(("reinforce", 2), ("reinforce-loo", 4), ("hybrid", 2), ("vargrad", 3), ("measure-valued", 1)),
        ("hybrid(centre=reinforce-loo, side=enumerate)", 2),
    ],
)
def test_estimators_agree_with_the_closed_form(name: str, samples: int):
    task, x = sides()
    draws = replicate(task, ESTIMATORS.build(parse_spec(name)), x, samples=samples, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_a_fault_in_the_density_is_seen(monkeypatch: pytest.MonkeyPatch):
    task, x = sides()
    exact = exact_gradient(task, "elbo", x)
    density = task.model.log_joint
    monkeypatch.setattr(type(task.model), "log_joint", lambda self, x, z: 1.05 * density(x, z))
    draws = replicate(task, ESTIMATORS.build(parse_spec("hybrid")), x, samples=2, count=10_000).matrix()
    assert mean_differs(draws, exact)


@pytest.mark.parametrize("build", [lambda vae: vae, lambda _: Registered()], ids=["PyroModule", "pyro.module"])
def test_a_vae_has_the_mean_gradient_of_pyros_trace_elbo(build: Callable[[VAE], Any]):
    torch.manual_seed(1)
    vae = build(VAE())
    task = from_pyro(vae.model, vae.guide, PIXELS)
    x = task.load().train
    assert task.reading.kind == "rows"
    ours = replicate(task, ESTIMATORS.build(parse_spec("reparam")), x, count=2_000).gradients
    pyro.clear_param_store()
    loss, theirs = Trace_ELBO(), []
    networks = {"guide.values.encoder": vae.encoder, "model.values.decoder": vae.decoder}
    for _ in range(400):
        for network in networks.values():
            network.zero_grad()
        loss.differentiable_loss(vae.model, vae.guide, PIXELS).backward()
        theirs.append({f"{name}_bias": -network.bias.grad / len(PIXELS) for name, network in networks.items()})
    pyro.clear_param_store()
    for name in ("guide.values.encoder_bias", "model.values.decoder_bias"):
        pyros = torch.stack([row[name] for row in theirs])
        error = (pyros.var(0) / len(pyros) + ours[name].var(0) / len(ours[name])).sqrt()
        z = (pyros.mean(0) - ours[name].mean(0)) / error
        # 18 coordinates; 6.5 standard errors are passed by chance less often than FALSE_ALARM, by 400 heavy-tailed
        # replicates a little more often.
        assert z.abs().max() < 6.5, (name, FALSE_ALARM)


def test_rows_of_a_plate_that_subsamples_are_datapoints():
    task, x = observed(from_pyro(examples.clusters, examples.clusters_guide, ROWS))
    assert (task.reading.kind, task.unit, task.defaults.batch_size) == ("indices", "nats per datapoint", 3)
    prior = torch.tensor([0.2, 0.3, 0.5]).double()
    joint = torch.empty(0)
    for rows in (slice(None), [3, 0]):
        joint = prior.log() + Normal(task.model.values["loc"], 1.0).log_prob(ROWS.double()[:, None])
        probs = transform_to(torch.distributions.constraints.simplex)(task.guide.values["probs"])
        log_q = Categorical(probs=probs).logits
        elbo = (log_q.exp() * (joint - log_q)).sum(-1)
        found = task.exact("elbo", x[rows], 1)
        assert found is not None
        torch.testing.assert_close(found, elbo[rows])
        torch.testing.assert_close(gradient_of(found.mean(), task), gradient_of(elbo[rows].mean(), task))
    evidence = task.exact("evidence", x, 1)
    assert evidence is not None
    torch.testing.assert_close(evidence, joint.logsumexp(-1))


def test_rows_that_share_their_latents_count_as_many_times_as_there_are_minibatches():
    task, x = observed(from_pyro(examples.slopes, examples.slopes_guide, TABLE, LABELS))
    assert (task.reading.kind, task.unit) == ("minibatches", "nats for the whole dataset")
    z = torch.tensor([[0.4, -0.9], [1.1, 0.3]]).double()
    logits = z @ TABLE.double().T
    rows = Bernoulli(logits=logits).log_prob(LABELS.double()) + Bernoulli(logits=-logits).log_prob(1 - LABELS.double())
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    latents = {"weights": z[:, None, None]}
    torch.testing.assert_close(task.model(x, latents)[:, 0], log_prior + rows.sum(-1))
    some = x[:, [1, 4, 5]]
    torch.testing.assert_close(task.model(some, latents)[:, 0], log_prior + 2 * rows[:, [1, 4, 5]].sum(-1))
    torch.testing.assert_close(task.model.log_likelihood(some, latents)[:, 0], rows[:, [1, 4, 5]])
    torch.testing.assert_close(task.model.log_prior(latents)[:, 0], log_prior)


def test_nested_plates_belong_to_the_event_and_sites_may_depend_on_sites():
    data = torch.tensor([[0.1, 1.2, -0.3], [0.8, 0.0, 1.5]])
    task, x = observed(from_pyro(examples.grid, examples.grid_guide, data))
    assert task.reading.kind == "whole"
    z = torch.linspace(-7.0, 7.0, 4001, dtype=torch.float64)
    loc, slope = task.guide.values.values()
    density = Normal(loc, 0.8).log_prob(z)
    p = (slope * z).sigmoid()[:, None, None]
    likelihood = p * Normal(z[:, None, None] + 1, 1.0).log_prob(data.double()) + (1 - p) * Normal(
        z[:, None, None], 1.0
    ).log_prob(data.double())
    divergence = p * (p / 0.3).log() + (1 - p) * ((1 - p) / 0.7).log()
    integrand = (likelihood - divergence).sum((-2, -1)) + Normal(0.0, 1.0).log_prob(z) - density
    elbo = (density.exp() * integrand).sum() * (z[1] - z[0])
    found = task.exact("elbo", x, 1)
    assert found is not None
    torch.testing.assert_close(found[0], elbo, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(gradient_of(found.mean(), task), gradient_of(elbo, task), rtol=1e-6, atol=1e-8)
    draws = replicate(task, ESTIMATORS.build(parse_spec("hybrid")), x, samples=2, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_bench_check_judges_an_estimator_on_it():
    class Sides(PyroPrograms):
        def __init__(self) -> None:
            super().__init__(examples.sides, examples.sides_guide, examples.OBSERVED)

    lines = list(run_plan(collect(["hybrid"], [Sides]), Settings(0, 0.5, 4.0)))
    assert [line.verdict for line in lines if (line.estimator, line.subject) == ("hybrid", "Sides")] == ["pass"]


def test_parameters_are_those_of_modules_and_statements_each_of_the_program_that_uses_it():
    torch.manual_seed(0)
    vae = VAE()
    names = [name for name, _ in from_pyro(vae.model, vae.guide, PIXELS).named_parameters()]
    assert names == [
        "guide.values.encoder_weight",
        "guide.values.encoder_bias",
        "model.values.spread_unconstrained",
        "model.values.decoder_weight",
        "model.values.decoder_bias",
    ]
    task = from_pyro(Decoder(), vae.guide, PIXELS)
    assert [name for name, _ in task.model.named_parameters()] == [
        "values.offset",
        "values.spread_unconstrained",
        "values.layer_weight",
        "values.layer_bias",
    ]


def test_a_copy_has_parameters_of_its_own_and_the_programs_networks_stay_what_they_are():
    torch.manual_seed(0)
    vae = Registered()
    before = vae.encoder.weight.detach().clone()
    task = from_pyro(vae.model, vae.guide, PIXELS)
    other = copy.deepcopy(task)
    with torch.no_grad():
        other.guide.values["encoder_weight"] += 1
    x = task.load().train
    found = []
    for one in (task, other):
        draw = Detached(2)
        torch.manual_seed(0)
        one.guide(x, draw)
        found.append(draw.trace.latents["z"])
    assert not torch.allclose(*found)
    torch.testing.assert_close(vae.encoder.weight.detach(), before)
    torch.testing.assert_close(task.guide.values["encoder_weight"].detach(), before)


def test_what_pyro_has_learned_is_where_a_task_starts():
    pyro.clear_param_store()
    pyro.param("loc", torch.tensor(2.5))
    pyro.param("scale", torch.tensor(0.2), constraint=torch.distributions.constraints.positive)
    try:
        task, _ = sides()
    finally:
        pyro.clear_param_store()
    assert task.guide.values["loc"].item() == pytest.approx(2.5)
    assert task.guide.values["scale"].exp().item() == pytest.approx(0.2)


def test_terms_are_scaled_and_factors_and_loops_count():
    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.poutine.scale(scale=3.0):
            pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(0.5))
        pyro.factor("more", -2.0 * z)
        pyro.deterministic("twice", 2 * z)
        for t in pyro.markov(range(2)):
            z = pyro.sample(f"z{t}", dist.Normal(z, 1.0))

    def guide() -> None:
        for site in ("z", "z0", "z1"):
            pyro.sample(site, dist.Normal(pyro.param(f"m_{site}", torch.tensor(0.1)), 1.0))

    task, x = observed(from_pyro(model, guide))
    run = evaluate(task, x, Detached(4))
    z, first, second = (run.trace.latents[site][:, 0] for site in ("z", "z0", "z1"))
    normal = Normal(torch.tensor(0.0).double(), 1.0).log_prob
    expected = normal(z) + 3 * normal(0.5 - z) - 2 * z + normal(first - z) + normal(second - first)
    torch.testing.assert_close(run.model_value[:, 0], expected)
