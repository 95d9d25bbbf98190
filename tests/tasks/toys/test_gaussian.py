import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from estimators.base import Estimator, Unfit
from estimators.discrete.enumerate import Enumerate
from estimators.evidence.naive_mc import NaiveMC
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.toys.gaussian import GaussianCosine, GaussianExponential, GaussianQuadratic, GaussianToy
from tests.gradients import exact_gradient, mean_differs, replicate

Toy = Callable[..., GaussianToy]
COSTS: dict[Toy, Callable[[float, float], float]] = {
    GaussianQuadratic: lambda z, k: (z - k) ** 2,
    GaussianExponential: lambda z, k: math.exp(-k * z * z),
    GaussianCosine: lambda z, k: math.cos(k * z),
}
TOYS = list(COSTS)
ESTIMATORS: list[tuple[Callable[[], Estimator], int]] = [
    (Reinforce, 1),
    (Reinforce, 3),
    (ReinforceEMA, 2),
    (ReinforceLOO, 2),
    (ReinforceLOO, 5),
    (Reparam, 1),
    (Reparam, 2),
]


def warmed_up(make: Callable[[], Estimator], task: GaussianToy) -> Estimator:
    """Return the estimator after ten training steps, so that a baseline is not zero."""
    estimator = make()
    torch.manual_seed(1)
    for _ in range(10):
        estimator.observe(estimator(task, task.load().train, 2))
    return estimator


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize(("k", "loc", "scale"), [(0.3, 1.0, 1.0), (2.0, -0.7, 0.5), (1.3, 0.4, -1.5)])
def test_closed_form_value_and_gradient(toy: Toy, k: float, loc: float, scale: float):
    task = toy(k=k, loc=loc)
    # A gradient step may carry σ where no start is.
    task.guide.scale.data.fill_(scale)
    cost = COSTS[toy]

    def expectation(weight: Callable[[float], float]) -> float:
        low, high = loc - 10 * abs(scale), loc + 10 * abs(scale)
        return integrate.quad(
            lambda z: stats.norm.pdf(z, loc, abs(scale)) * cost(z, k) * weight(z),
            low,
            high,
            epsabs=1e-12,
            epsrel=1e-12,
            limit=200,
        )[0]

    # The gradient by the score, ∂ log N / ∂μ and ∂ log N / ∂σ: independent of the closed form's derivative.
    expected = [
        expectation(lambda z: (z - loc) / scale**2),
        expectation(lambda z: ((z - loc) ** 2 / scale**2 - 1) / scale),
        expectation(lambda _: 1.0),
    ]
    actual = exact_gradient(task, "expectation", task.load().train)
    np.testing.assert_allclose(actual, expected, atol=1e-9)


@pytest.mark.parametrize("toy", TOYS)
def test_coordinates_add_and_every_row_has_the_same_value(toy: Toy):
    x = torch.zeros(3, 0, dtype=torch.float64)
    single, triple = (toy(dim=dim).exact("expectation", x, 1) for dim in (1, 3))
    assert single is not None
    assert triple is not None
    assert triple.shape == (3,)
    torch.testing.assert_close(triple, 3 * single)
    assert toy().exact("evidence", x, 1) is None


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize(("make", "samples"), ESTIMATORS)
def test_unbiased(toy: Toy, make: Callable[[], Estimator], samples: int):
    task = toy(dim=2)
    x = task.load().train
    draws = replicate(task, warmed_up(make, task), x, samples=samples, count=100_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "expectation", x))


# c = μ − k; Mohamed et al. 2020, section 3, and the catalogue. Each for one sample.
VARIANCES: list[tuple[Callable[[], Estimator], str, Callable[[float, float], float]]] = [
    (Reinforce, "guide.loc", lambda c, s: c**4 / s**2 + 14 * c**2 + 15 * s**2),
    (Reinforce, "guide.scale", lambda c, s: 2 * c**4 / s**2 + 60 * c**2 + 74 * s**2),
    (Reparam, "guide.loc", lambda c, s: 4 * s**2),
    (Reparam, "guide.scale", lambda c, s: 4 * c**2 + 8 * s**2),
]


def gradient_at(make: Callable[[], Estimator], name: str, noise: np.ndarray, c: float, s: float) -> np.ndarray:
    """Return the textbook gradient of one sample ε, written out by hand."""
    residual = c + s * noise
    if make is Reparam:
        return 2 * residual * (1 if name == "guide.loc" else noise)
    return residual**2 * (noise if name == "guide.loc" else noise**2 - 1) / s


@pytest.mark.parametrize(("make", "name", "closed_form"), VARIANCES)
@pytest.mark.parametrize(("k", "scale"), [(3.0, 1.0), (-1.0, 0.5)])
def test_closed_form_variance(
    make: Callable[[], Estimator], name: str, closed_form: Callable[[float, float], float], k: float, scale: float
):
    count, loc = 1_000_000, 1.0
    task = GaussianQuadratic(k=k, loc=loc, scale=scale)
    measured = replicate(task, make(), task.load().train, count=count).gradients[name].flatten()
    expected = closed_form(loc - k, scale)
    # The standard error of a sample variance is sqrt((m4 − s⁴)/R); m4 is exact, a polynomial by Gauss–Hermite.
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    gradient, weights = gradient_at(make, name, nodes, loc - k, scale), weights / weights.sum()
    centred = gradient - weights @ gradient
    assert weights @ centred**2 == pytest.approx(expected)
    error = math.sqrt((weights @ centred**4 - expected**2) / count)
    # Five standard errors: one false alarm in 2e6 for each case. They are at most a tenth of the variance.
    assert measured.var().item() == pytest.approx(expected, abs=5 * error)
    assert 5 * error < 0.1 * expected


@pytest.mark.parametrize("make", [STL, IWAE, DReG, NaiveMC, Enumerate])
def test_refuses_what_needs_a_density_or_discrete_latents(make: Callable[[], Estimator]):
    task = GaussianQuadratic()
    with pytest.raises(Unfit):
        make().require(task, task.load().train, 2)


def test_refuses_parameters_without_an_expectation():
    with pytest.raises(ValueError, match="k must not be negative"):
        GaussianExponential(k=-0.1)
    for scale in (0.0, -1.0):
        with pytest.raises(ValueError, match="scale must be positive"):
            GaussianQuadratic(scale=scale)
