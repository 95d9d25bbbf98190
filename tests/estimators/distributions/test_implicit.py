import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    Laplace,
    LogisticNormal,
    LogNormal,
    LowRankMultivariateNormal,
    StudentT,
    VonMises,
)
from torch.func import grad, vmap

from estimators import distributions
from estimators.distributions.implicit import log_gamma_slope, log_standard_gamma, standard_von_mises, von_mises_slope
from tests.gradients import mean_differs


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("shape", [0.3, 1.0, 4.0, 60.0])
def test_gamma_slope_is_that_of_the_quantile(shape: float):
    torch.manual_seed(0)
    concentration = torch.full((50,), shape, dtype=torch.float64, requires_grad=True)
    value = log_standard_gamma(concentration)
    (slope,) = torch.autograd.grad(value.sum(), concentration)
    level, step = stats.gamma.cdf(value.detach().exp(), shape), 1e-4 * shape
    high, low = (np.log(stats.gamma.ppf(level, shape + sign * step)) for sign in (1, -1))
    expected = (high - low) / (2 * step)
    # torch approximates the slope to about 1e-4; the finite difference is good to 1e-6.
    np.testing.assert_allclose(slope, expected, rtol=1e-3)


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.5, 0.99, 1.5])
def test_gamma_slope_of_draws_too_small_to_be_numbers(alpha: float):
    """d log z/dα = −∂_α F(z; α) / z q(z; α), where F = z^α (1/Γ(α + 1) − z α/(α + 1) Γ(α + 1) + …)."""
    log_z = torch.linspace(-2000, -20, 7, dtype=torch.float64)
    actual = log_gamma_slope(torch.full_like(log_z, alpha), log_z)
    expected = (special.digamma(alpha + 1) - log_z) / alpha
    np.testing.assert_allclose(actual, expected, rtol=1e-8)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.9, 2.5])
def test_gamma_slope_has_no_step_where_the_series_ends(alpha: float):
    log_z = double(-4 - 1e-6, -4 + 1e-6)
    below, above = log_gamma_slope(torch.full_like(log_z, alpha), log_z)
    assert float(below) == pytest.approx(float(above), rel=1e-5)


@pytest.mark.parametrize("kappa", [0.25, 0.5, 2.0, 20.0])
def test_von_mises_slope_is_that_of_the_quantile(kappa: float):
    torch.manual_seed(0)
    concentration = torch.full((50,), kappa, dtype=torch.float64, requires_grad=True)
    value = standard_von_mises(concentration)
    (slope,) = torch.autograd.grad(value.sum(), concentration)

    # Numerically, since scipy's own distribution function is approximate for a large concentration.
    def above(z: float, kappa: float) -> float:
        return integrate.quad(lambda t: np.exp(kappa * (np.cos(t) - 1)), 0, z, epsabs=0, epsrel=1e-12)[0] / (
            2 * np.pi * special.i0e(kappa)
        )

    step = 1e-5 * kappa
    z = value.detach().numpy()
    rise = [(above(t, kappa + step) - above(t, kappa - step)) / (2 * step) for t in z]
    np.testing.assert_allclose(slope, -np.array(rise) / stats.vonmises.pdf(z, kappa), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_von_mises_slope_where_it_is_uniform(zero: float):
    """∂z/∂κ = −∫₀^z cos t dt at κ = 0."""
    z = torch.linspace(-3.1, 3.1, 9, dtype=torch.float64)
    torch.testing.assert_close(von_mises_slope(torch.full_like(z, zero), z), -z.sin())


@pytest.mark.parametrize("kappa", [2.0**-10, 1.0, 32.0, 2.0**14, 2.0**20])
@pytest.mark.parametrize("z", [2.0**-10, 0.5, 1.5, 3.0, 3.140625])
def test_von_mises_quadrature_converges(kappa: float, z: float):
    mean = special.i1e(kappa) / special.i0e(kappa)

    def integrand(t: float) -> float:
        return (np.cos(t) - mean) * np.exp(2 * kappa * np.sin((z + t) / 2) * np.sin((z - t) / 2))

    if np.cos(z) >= mean:
        expected = -integrate.quad(integrand, 0, z, epsabs=0, epsrel=1e-11)[0]
    else:
        end = 2 * np.arcsin(min(1, np.sqrt(np.sin(z / 2) ** 2 + 25 / kappa)))
        expected = integrate.quad(integrand, z, end, epsabs=0, epsrel=1e-11, limit=500)[0]
    assert von_mises_slope(*double(kappa, z).unbind()).item() == pytest.approx(expected, rel=1e-9)
    assert von_mises_slope(*double(kappa, -z).unbind()).item() == pytest.approx(-expected, rel=1e-9)


def gamma_moments(alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.stack([alpha * (alpha + 1) / beta**2, torch.digamma(alpha) - beta.log()])


def beta_moments(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a * (a + 1) / (a + b) / (a + b + 1), torch.digamma(a) - torch.digamma(a + b)])


def uniform_moments(loc: Tensor, kappa: Tensor) -> Tensor:
    """The same to first order in κ at 0, where I₁(κ)/I₀(κ) ≈ κ/2."""
    return kappa / 2 * torch.stack([loc.cos(), loc.sin()])


def student_moments(loc: Tensor, scale: Tensor, df: Tensor) -> Tensor:
    return torch.stack([loc**2 + scale**2 * df / (df - 2), loc])


def heavy_student_moments(scale: Tensor, df: Tensor) -> Tensor:
    """E log z² and E 1/(1 + z²), by quadrature of the density."""
    log_square = 2 * scale.log() + df.log() + torch.digamma(torch.full_like(df, 0.5)) - torch.digamma(df / 2)
    z = torch.tan(torch.linspace(-math.pi / 2, math.pi / 2, 20_001, dtype=df.dtype)[1:-1])
    mass = distributions.log_prob(StudentT(df, torch.zeros_like(df), scale), z).exp() * (1 + z**2) * math.pi / 20_000
    return torch.stack([log_square, (mass / (1 + z**2)).sum()])


def laplace_moments(loc: Tensor, scale: Tensor) -> Tensor:
    return torch.stack([loc**2 + 2 * scale**2, (0.3 * loc).exp() / (1 - (0.3 * scale) ** 2)])


def low_rank_moments(a: Tensor, b: Tensor, diagonal: Tensor) -> Tensor:
    return torch.stack([a * b, a**2 + diagonal])


def von_mises_moments(loc: Tensor, kappa: Tensor) -> Tensor:
    ratio = torch.special.i1e(kappa) / torch.special.i0e(kappa)
    return ratio * torch.stack([loc.cos(), loc.sin()])


def log_normal_moments(loc: Tensor, scale: Tensor) -> Tensor:
    return torch.stack([torch.exp(loc + scale**2 / 2), loc])


def dirichlet_moments(*concentration: Tensor) -> Tensor:
    alpha = torch.stack(concentration)
    total = alpha.sum()
    return torch.stack([alpha[0] * (alpha[0] + 1) / (total * (total + 1)), (alpha[1].digamma() - total.digamma())])


def squares_and_logs(z: Tensor) -> Tensor:
    return torch.stack([z**2, z.log()])


Case = tuple[Callable[..., Distribution], Callable[[Tensor], Tensor], Callable[..., Tensor], tuple[float, ...]]
CASES: dict[str, Case] = {
    "gamma": (Gamma, squares_and_logs, gamma_moments, (1.7, 0.6)),
    "gamma-small": (Gamma, squares_and_logs, gamma_moments, (0.4, 2.0)),
    "beta": (Beta, squares_and_logs, beta_moments, (1.3, 2.2)),
    "von-mises": (VonMises, lambda z: torch.stack([z.cos(), z.sin()]), von_mises_moments, (0.7, 1.6)),
    "von-mises-narrow": (VonMises, lambda z: torch.stack([z.cos(), z.sin()]), von_mises_moments, (-2.9, 12.0)),
    "von-mises-uniform": (
        VonMises,
        lambda z: torch.stack([z.cos(), z.sin()]),
        uniform_moments,
        (0.7, 0.0),
    ),
    "laplace": (Laplace, lambda z: torch.stack([z**2, (0.3 * z).exp()]), laplace_moments, (0.4, 1.2)),
    "student-t": (
        lambda loc, scale, df, validate_args: StudentT(df, loc, scale, validate_args=validate_args),
        lambda z: torch.stack([z**2, z]),
        student_moments,
        (0.4, 1.3, 9.0),
    ),
    "student-t-heavy": (
        lambda scale, df, validate_args: StudentT(df, 0.0, scale, validate_args=validate_args),
        lambda z: torch.stack([z.square().log(), 1 / (1 + z**2)]),
        heavy_student_moments,
        (1.3, 1.1),
    ),
    "low-rank-normal": (
        lambda a, b, diagonal, validate_args: LowRankMultivariateNormal(
            torch.zeros_like(a).expand(2), torch.stack([a, b])[:, None], diagonal.expand(2), validate_args=validate_args
        ),
        lambda z: torch.stack([z[..., 0] * z[..., 1], z[..., 0] ** 2]),
        low_rank_moments,
        (0.8, -1.2, 0.5),
    ),
    "log-normal": (LogNormal, lambda z: torch.stack([z, z.log()]), log_normal_moments, (0.3, 0.6)),
    "dirichlet": (
        lambda *alpha, validate_args: Dirichlet(torch.stack(alpha), validate_args=validate_args),
        lambda z: torch.stack([z[..., 0] ** 2, z[..., 1].log()]),
        dirichlet_moments,
        (0.8, 1.5, 2.4),
    ),
}


def moment_gradients(name: str, detached: bool = False) -> tuple[Tensor, Tensor]:
    """Return replicates of the pathwise gradient of two moments, [R, 2 P], and the exact gradients."""
    make, statistic, exact, values = CASES[name]

    def moments(parameters: Tensor) -> Tensor:
        distribution = make(*parameters.unbind(), validate_args=False)
        value = distributions.sample(distribution, torch.Size((1,)))[0]
        return statistic(value.detach() if detached else value)

    torch.manual_seed(0)
    parameters = double(*values)

    def gradients(which: int) -> Tensor:
        def once(_: Tensor) -> Tensor:
            return grad(lambda p: moments(p)[which])(parameters)

        return vmap(once, randomness="different")(torch.arange(40_000))

    jacobian = torch.autograd.functional.jacobian(lambda p: exact(*p.unbind()), parameters)
    return torch.cat([gradients(0), gradients(1)], 1), jacobian.flatten()


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_moments(name: str):
    assert not mean_differs(*moment_gradients(name))


@pytest.mark.parametrize("name", ["gamma", "dirichlet"])
def test_gradients_of_moments_of_a_detached_draw_are_found_out(name: str):
    assert mean_differs(*moment_gradients(name, detached=True))


@pytest.mark.parametrize("axis", [0, None], ids=["batched", "shared"])
@pytest.mark.parametrize(
    ("draw", "slope"),
    [(log_standard_gamma, log_gamma_slope), (standard_von_mises, von_mises_slope)],
    ids=["gamma", "von-mises"],
)
def test_batched_slopes_are_those_at_the_draws(
    draw: Callable[[Tensor], Tensor], slope: Callable[[Tensor, Tensor], Tensor], axis: int | None
):
    concentration = double(0.5, 1.5, 4.0).expand(4, 3)
    concentration = concentration * double(1.0, 1.1, 1.2, 1.3)[:, None] if axis == 0 else concentration[0]

    def once(concentration: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        def total(concentration: Tensor) -> tuple[Tensor, Tensor]:
            value = draw(concentration.expand(2, 3))
            return value.sum(), value

        return grad(total, has_aux=True)(concentration)

    torch.manual_seed(0)
    gradients, values = vmap(once, in_dims=(axis, 0), randomness="different")(concentration, torch.arange(4))
    assert len(values.unique()) == values.numel() == 24
    batch = concentration if axis == 0 else concentration.expand(4, 3)
    expected = slope(batch[:, None].expand(4, 2, 3).contiguous(), values).sum(1)
    torch.testing.assert_close(gradients, expected)


def test_a_second_derivative_is_refused():
    concentration = double(1.5).requires_grad_()
    (slope,) = torch.autograd.grad(log_standard_gamma(concentration).sum(), concentration, create_graph=True)
    with pytest.raises(NotImplementedError, match="only has a first derivative"):
        slope.sum().backward()


def test_logistic_normal_is_a_path():
    loc, scale = double(0.3, -0.4).requires_grad_(), double(0.5, 0.7).requires_grad_()

    def value(loc: Tensor, scale: Tensor) -> Tensor:
        torch.manual_seed(0)
        distribution = LogisticNormal(loc.expand(2, 2), scale.expand(2, 2), validate_args=False)
        return distributions.sample(distribution, torch.Size((3,)))

    assert value(loc, scale).shape == (3, 2, 3)
    assert torch.autograd.gradcheck(value, (loc, scale))


@pytest.mark.parametrize("draw", [log_standard_gamma, standard_von_mises])
def test_single_precision(draw: Callable[[Tensor], Tensor]):
    concentration = torch.tensor([0.05, 1.0, 30.0, 1e4], requires_grad=True)
    value = draw(concentration)
    (slope,) = torch.autograd.grad(value.sum(), concentration)
    assert value.dtype == slope.dtype == torch.float32
    assert value.isfinite().all()
    assert slope.isfinite().all()


def test_independent_keeps_the_path():
    concentration = torch.full((2, 3), 1.5, dtype=torch.float64, requires_grad=True)
    gamma = Independent(Gamma(concentration, torch.ones_like(concentration), validate_args=False), 1)
    value = distributions.sample(gamma, torch.Size((4,)))
    assert value.shape == (4, 2, 3)
    value.sum().backward()
    assert concentration.grad is not None
    assert (concentration.grad > 0).all()
