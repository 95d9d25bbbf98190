"""Both sides of a contest compute the same."""

import math

import pytest
import torch

from estimators.base import evaluate
from estimators.draw import Reparameterized, Replayed
from tests.benchmarks import training
from tests.benchmarks.by_hand import elbo, networks
from tests.benchmarks.replicates import Point, total_variance


def test_a_sum_over_a_loop_is_the_trace_of_the_covariance():
    torch.manual_seed(0)
    rows = 1e4 + torch.randn(50, 7, dtype=torch.float64)
    pieces = ([row[:3], row[3:]] for row in rows)
    assert total_variance(pieces, rows.device) == pytest.approx(float(rows.var(0).sum()), rel=1e-9)


def test_the_loop_measures_the_variance():
    """Against the closed forms of `GaussianQuadratic`: 4σ² for μ and 4c² + 8σ² for σ, with c = −2 and σ = 1.

    The gradient in σ is 2ε(ε + c), of kurtosis 9.7: at R = 1000 the standard error is at most 9.4%, and a deviation of
    4.7 of them has probability 3e-6.
    """
    work = Point("gaussian-quadratic", "reparam").looped(1000)
    torch.manual_seed(0)
    assert work() == pytest.approx(4 + 4 * 4 + 8, rel=0.45)


def test_the_hand_written_step_has_our_networks_and_objective():
    trainer = training.trainer()
    task, x = trainer.task, trainer.task.prepare(trainer.batches.next())
    encoder, decoder = networks()
    with torch.no_grad():
        for theirs, mine in (
            (encoder.parameters(), task.guide.parameters()),
            (decoder.parameters(), task.model.parameters()),
        ):
            for target, source in zip(theirs, mine, strict=True):
                target.copy_(source)
        loc, log_scale = encoder(x).chunk(2, -1)
        noise = torch.randn_like(loc)
        z = loc + log_scale.exp() * noise
        run = evaluate(task, x, Replayed({"z": z[None]}))
        # Theirs leaves out the constants of two Gaussian densities, which cancel.
        torch.testing.assert_close(elbo(x, decoder(z), z, noise, log_scale), run.f[0], rtol=1e-4, atol=1e-2)


def test_the_bare_loop_takes_the_same_steps():
    trained = []
    for make in (training.run_on, training.bare_on):
        trainer = training.trainer()
        make(trainer, 3)()
        trained.append(list(trainer.task.parameters()))
    for run, bare in zip(*trained, strict=True):
        torch.testing.assert_close(run, bare, rtol=0, atol=0)


def test_pyro_estimates_the_same_elbo():
    """Means over 40 draws of a batch's ELBO differ by less than five standard errors of the difference."""
    pyro = pytest.importorskip("pyro", reason="needs Pyro: pip install -c constraints.txt -e '.[pyro]'")
    from tests.benchmarks.with_pyro import PyroVAE

    trainer = training.trainer()
    task, x = trainer.task, trainer.task.prepare(trainer.batches.next())
    encoder, decoder = networks()
    vae = PyroVAE(encoder, decoder)
    with torch.no_grad(), pyro.validation_enabled(False):
        for target, source in zip(vae.parameters(), task.parameters(), strict=True):
            target.copy_(source)
        loss = pyro.infer.Trace_ELBO()
        theirs = torch.tensor([-loss.loss(vae.model, vae.guide, x) / len(x) for _ in range(40)])
        ours = torch.stack([evaluate(task, x, Reparameterized(1)).f.mean() for _ in range(40)])
    error = math.sqrt((theirs.var() + ours.var()) / 40)
    assert abs(theirs.mean() - ours.mean()) < 5 * error


@pytest.mark.parametrize(
    "point",
    [
        Point("vae-mnist(data=5k)", "reparam", 4),
        Point("vae-mnist(data=5k)", "reinforce", 4),
        Point("vae-mnist(data=5k)", "iwae", 4, samples=5),
        Point("sbn-mnist(data=5k)", "disarm", 4),
    ],
    ids=lambda point: point.estimator,
)
def test_jax_measures_the_same_variance(point: Point):
    """The ratio of two estimates of R = 2000 each is within five standard errors of one, of normal logarithms.

    The error of ours is half the width of its interval over 1.96; JAX's is as large.
    """
    pytest.importorskip("jax", reason="needs JAX: pip install -c constraints.txt -e '.[jax]'")
    from tests.benchmarks.with_jax import once

    theirs, ours = once(point, 2000), point.intervals(2000)()
    error = math.sqrt(2) * math.log(ours.high / ours.low) / (2 * 1.96)
    assert abs(math.log(theirs / ours.value)) < 5 * error
