"""Distributions of gradients whose moments are known, and many measurements of them at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from bench.measure.moments import Moments

FALSE_ALARM = 1e-5
"""Probability that `assert_covers` fails at a coverage within its limits, for one call."""


@dataclass(frozen=True)
class Law:
    """A distribution of gradients: `draw(shape, generator)` is [*shape, P]; its mean [P]; its covariance's trace."""

    draw: Callable[[tuple[int, int], torch.Generator], Tensor]
    mean: Tensor
    trace: float


def gaussian(size: int, *, scales: Tensor | None = None, mean: float = 0.3) -> Law:
    deviations = torch.ones(size, dtype=torch.float64) if scales is None else scales

    def draw(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        return mean + deviations * torch.randn(*shape, size, generator=generator, dtype=torch.float64)

    return Law(draw, torch.full((size,), mean, dtype=torch.float64), float((deviations**2).sum()))


def _quadratic(gradient: Callable[[Tensor], tuple[Tensor, Tensor]], trace: float) -> Law:
    def draw(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        return torch.stack(gradient(torch.randn(*shape, generator=generator, dtype=torch.float64)), -1)

    return Law(draw, torch.tensor([-4.0, 2.0], dtype=torch.float64), trace)


GAUSSIAN_1 = gaussian(1)
ANISOTROPIC_2 = gaussian(2, scales=torch.tensor([1.0, 0.01], dtype=torch.float64))
GAUSSIAN_50 = gaussian(50)
ANISOTROPIC_50 = gaussian(50, scales=torch.logspace(0, -2, 50, dtype=torch.float64))
PATHWISE = _quadratic(lambda e: (2 * (e - 2), 2 * (e - 2) * e), 28.0)
"""Pathwise gradient of E (z − 3)² at z ~ N(1, 1), in μ and σ: moderately skewed."""
SCORE = _quadratic(lambda e: ((e - 2) ** 2 * e, (e - 2) ** 2 * (e**2 - 1)), 433.0)
"""Score-function gradient of the same: a polynomial of degree four, with very heavy tails."""


def simulate(law: Law, replicates: int, simulations: int, seed: int) -> Moments:
    """Return the moments of independent simulations side by side: simulation i has the coordinates `where(law, i)`."""
    generator = torch.Generator().manual_seed(seed)
    size = len(law.mean)
    moments = Moments(simulations * size, torch.float64, torch.device("cpu"))
    step = max(40, min(replicates, 4_000_000 // (simulations * size)) // 20 * 20)
    while (left := replicates - moments.replicates) > 0:
        moments.update(law.draw((min(step, left), simulations), generator).flatten(1))
    return moments


def where(law: Law, simulation: int) -> slice:
    size = len(law.mean)
    return slice(simulation * size, (simulation + 1) * size)


def shifted(law: Law, standard_errors: float, replicates: int) -> tuple[Tensor, float]:
    """Return a wrong mean [P], which makes a bias of so many standard errors of the mean's norm, and that bias."""
    bias = standard_errors * math.sqrt(law.trace / replicates)
    wrong = law.mean.clone()
    wrong[0] -= bias
    return wrong, bias


def covers(covered: int, total: int, least: float = 0.93, most: float = 0.97) -> bool:
    """Return whether a number of successes is consistent with a coverage in [least, most].

    Where the coverage is within, the answer is no with probability at most `FALSE_ALARM`. With 1000 simulations,
    intervals that are 20% too narrow (88% for Gaussian errors) are found with probability 0.85, 80% intervals always.
    """
    too_few = stats.binom.cdf(covered, total, least) < FALSE_ALARM / 2
    too_many = stats.binom.sf(covered - 1, total, most) < FALSE_ALARM / 2
    return not (too_few or too_many)
