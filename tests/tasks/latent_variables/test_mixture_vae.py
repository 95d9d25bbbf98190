import math

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor

from estimators import INDEX as ESTIMATORS
from estimators.base import evaluate
from estimators.draw import Detached, Replayed
from tasks.latent_variables.mixture_vae import MixtureVAE, pinwheel

COMPONENTS = 3


def tiny(seed: int = 2) -> tuple[MixtureVAE, Tensor]:
    torch.manual_seed(seed)
    task = MixtureVAE(COMPONENTS, 1, 3).double()
    return task, task.prepare(task.load().train[:2])


def densities(task: MixtureVAE, x: Tensor, component: int, z2: float) -> tuple[float, float]:
    """Return log q(z|x) and log p(x, z) of one observation."""
    z = {"z1": torch.eye(COMPONENTS).double()[component].reshape(1, 1, -1), "z2": torch.full((1, 1, 1), z2).double()}
    draw = Replayed(z)
    task.guide(x, draw)
    return float(draw.trace.log_prob()), float(task.model(x, z))


@torch.no_grad()
def by_adaptive_quadrature(task: MixtureVAE, x: Tensor) -> tuple[float, float]:
    """Return ELBO and log p(x) of one observation."""
    elbo = evidence = 0.0
    for component in range(COMPONENTS):

        def joint(z2: float, component: int = component) -> float:
            return math.exp(densities(task, x, component, z2)[1])

        def bound(z2: float, component: int = component) -> float:
            log_q, log_p = densities(task, x, component, z2)
            return math.exp(log_q) * (log_p - log_q)

        z1 = torch.eye(COMPONENTS).double()[component].reshape(1, 1, -1)
        draw = Replayed({"z1": z1, "z2": torch.zeros(1, 1, 1).double()})
        task.guide(x, draw)
        normal = draw.trace.sites["z2"].distribution
        centre, reach = float(normal.mean), 8 * float(normal.stddev)
        elbo += integrate.quad(bound, centre - reach, centre + reach, limit=100)[0]
        evidence += integrate.quad(joint, -8, 8, limit=100)[0]
    return elbo, math.log(evidence)


def test_exact_values_by_adaptive_quadrature():
    task, x = tiny()
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    expected = by_adaptive_quadrature(task, x[:1])
    np.testing.assert_allclose([elbo[0].item(), evidence[0].item()], expected, rtol=1e-5)
    torch.testing.assert_close(task.exact("iwae", x, 1), elbo)


def test_monte_carlo_agrees():
    task, x = tiny()
    torch.manual_seed(0)
    with torch.no_grad():
        f = evaluate(task, x, Detached(40_000)).f
    exact = task.exact("elbo", x, 1)
    assert exact is not None
    # Six standard errors for two rows: a false alarm once in 10^8.
    assert bool(((f.mean(0) - exact).abs() < 6 * f.std(0) / math.sqrt(40_000)).all())


def test_log_joint_is_the_prior_s_and_the_likelihood_s():
    task, x = tiny()
    draw = Detached(3)
    task.model.prior(x, draw)
    z = draw.trace.latents
    normal = task.model.head(task.model.features(torch.cat([z["z1"], z["z2"]], -1)))
    torch.testing.assert_close(task.model(x, z), draw.trace.log_prob() + normal.log_prob(x))
    torch.manual_seed(0)
    simulated = task.model.simulate({name: value[:, :1].expand(-1, 5000, -1) for name, value in z.items()})
    means, spread = normal.mean[:, :1], normal.stddev[:, :1]
    # Six standard errors, six numbers.
    assert bool(((simulated.mean(1, keepdim=True) - means).abs() < 6 * spread / math.sqrt(5000)).all())


def test_a_grid_that_misses_the_mass_says_so():
    task, x = tiny()
    with torch.no_grad():
        task.model.loc.add_(100)
    evidence = task.exact("evidence", x, 1)
    assert evidence is not None
    assert bool(evidence.isnan().all())


def test_no_exact_answer_beyond_one_dimension():
    task = MixtureVAE(3, 2, 3)
    assert task.exact("elbo", torch.zeros(1, 2), 1) is None
    assert tiny()[0].exact("iwae", torch.zeros(1, 2).double(), 2) is None


def test_second_site_depends_on_the_first():
    task, x = tiny()
    draw = Detached(4)
    task.guide(x, draw)
    assert [(name, site.conditional) for name, site in draw.trace.sites.items()] == [("z1", False), ("z2", True)]
    assert draw.trace.latents["z1"].sum(-1).eq(1).all()


def test_pinwheel_has_five_arms_and_unit_variance():
    points = pinwheel(20_000, 1)
    assert points.shape == (20_000, 2)
    assert np.abs(points.std(0) - 1).max() < 0.1
    turned = points @ np.array(
        [[np.cos(2 * np.pi / 5), np.sin(2 * np.pi / 5)], [-np.sin(2 * np.pi / 5), np.cos(2 * np.pi / 5)]]
    )
    edges = np.linspace(-2.5, 2.5, 11)
    before, after = (np.histogram2d(*p.T, bins=(edges, edges))[0] for p in (points, turned))
    # Counts of two samples of the same law differ by six standard deviations in one of 100 cells once in 10^7.
    assert (np.abs(before - after) <= 6 * np.sqrt(before + after + 1)).all()


def test_references_are_estimators():
    assert {name.partition("(")[0] for name in MixtureVAE.references.values()} <= set(ESTIMATORS)


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least 2 components, 1 latent and 1 unit; there are 1, 2, 50"):
        MixtureVAE(components=1)
