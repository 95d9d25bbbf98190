"""Antithetic and randomised quasi-Monte Carlo draws: unbiased, and of less variance on smooth costs."""

from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Size, Tensor

from estimators.base import Unfit
from estimators.parts.sampling import AnyDraws, Sampling, ShiftedSobol
from estimators.pathwise.quadratic_cv import QuadraticCV
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.nvil import NVIL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from estimators.score_function.reinforce_optimal import ReinforceOptimal
from tasks.base import Task
from tasks.latent_variables.gamma_poisson import GammaPoisson
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
from tasks.toys.gaussian import GaussianCosine, GaussianExponential, GaussianQuadratic
from tests.estimators.exactness import lecture_weights, linear_gaussian, misses
from tests.estimators.tiny import Bits
from tests.gradients import replicate

MAKERS: list[Callable[[Sampling], AnyDraws]] = [
    lambda s: Reinforce(sampling=s),
    lambda s: ReinforceEMA(sampling=s),
    lambda s: ReinforceOptimal(sampling=s),
    lambda s: NVIL(sampling=s),
    lambda s: Reparam(sampling=s),
    lambda s: STL(sampling=s),
    lambda s: QuadraticCV(sampling=s),
]


@pytest.mark.parametrize("samples", [1, 3, 8])
@pytest.mark.parametrize("sampling", ["antithetic", "rqmc"])
@pytest.mark.parametrize("make", MAKERS)
def test_unbiased(make: Callable[[Sampling], AnyDraws], sampling: Sampling, samples: int):
    assert not misses(make(sampling), linear_gaussian(2), samples=samples, count=10_000)


@pytest.mark.parametrize("sampling", ["antithetic", "rqmc"])
@pytest.mark.parametrize("task", [BernoulliQuadratic(dim=3), Bits(), Bits(chained=True), lecture_weights()])
def test_unbiased_on_other_latents(task: Task, sampling: Sampling):
    assert not misses(Reinforce(sampling=sampling), task, samples=4, count=20_000)


def variance(task: Task, sampling: Sampling, samples: int) -> Tensor:
    draws = replicate(task, Reparam(sampling=sampling), task.load().train, samples=samples, count=4000, chunk=1000)
    return draws.matrix().var(0)[:2]


@pytest.mark.parametrize("task", [GaussianQuadratic(), GaussianCosine(), GaussianExponential(), GaussianCosine(dim=2)])
def test_quasi_random_variance_falls_faster_than_one_over_samples(task: Task):
    """From 4 to 256 samples, plain Monte Carlo gains a factor of 64. Variances are known to 5 %."""
    plain = variance(task, "iid", 4) / variance(task, "iid", 256)
    net = variance(task, "rqmc", 4) / variance(task, "rqmc", 256)
    assert bool(((plain > 50) & (plain < 80)).all())
    assert bool((net > 5 * 64).all())


def test_antithetic_pairs_cancel_an_odd_gradient():
    """On (z − k)² the gradient in μ is linear in ε: a mirrored pair has none of its variance left."""
    task = GaussianQuadratic()
    assert variance(task, "antithetic", 2)[0] < 1e-20
    assert variance(task, "iid", 2)[0] > 1


def test_every_point_is_uniform_and_each_datapoint_has_its_own_shift():
    torch.manual_seed(0)
    like = torch.zeros((), dtype=torch.float64)
    draws = torch.stack([ShiftedSobol().uniform(Size((4, 2, 3)), like) for _ in range(2000)])
    for k in range(4):
        # A false alarm in 10⁶.
        assert stats.kstest(draws[:, k, 0, 1].numpy(), "uniform").pvalue > 1e-6
    shifts = draws[:, 0]
    assert abs(torch.corrcoef(torch.stack([shifts[:, 0, 0], shifts[:, 1, 0]]))[0, 1]) < 0.15


def test_points_fill_every_cell_of_the_net():
    """Of 2^m points one lies in each interval of length 2^{−m}, whatever the digital shift is."""
    torch.manual_seed(0)
    points = ShiftedSobol().uniform(Size((64, 5, 2)), torch.zeros((), dtype=torch.float64))
    cells = (points * 64).long().sort(0).values
    assert torch.equal(cells, torch.arange(64)[:, None, None].expand(64, 5, 2))


def test_sites_of_one_run_take_different_dimensions():
    torch.manual_seed(0)
    noise = ShiftedSobol()
    like = torch.zeros((), dtype=torch.float64)
    first, second = (noise.uniform(Size((256, 1, 1)), like).flatten() for _ in range(2))
    # Two-dimensional equidistribution: 16 × 16 boxes with one point each. One dimension twice would fill 16 at most.
    boxes = (first * 16).long() * 16 + (second * 16).long()
    assert len(boxes.unique()) == 256


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_noise_is_finite(dtype: torch.dtype):
    torch.manual_seed(0)
    assert bool(ShiftedSobol().normal(Size((4096, 64)), torch.zeros((), dtype=dtype)).isfinite().all())


@pytest.mark.parametrize("sampling", ["antithetic", "rqmc"])
def test_refuses_families_drawn_by_rejection(sampling: Sampling):
    task = GammaPoisson(n=2)
    with pytest.raises(Unfit, match="rejection"):
        Reparam(sampling=sampling).require(task, task.load().train, 2)


def test_refuses_an_unknown_word():
    with pytest.raises(ValueError, match="sampling must be"):
        Reparam(sampling="sobol")  # type: ignore[arg-type]
