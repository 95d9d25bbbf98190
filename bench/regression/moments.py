"""Measure the moments that are kept: the variance, and the mean along two fixed directions of signs, v·E g / √P.

Together these move when an estimator's noise, scale, sign or direction does, on tasks without an exact gradient too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.decoding import Amount, Finite, Size
from bench.machine.device import CPU, observations
from bench.machine.streams import seeded
from bench.measure.metrics import variance
from bench.measure.moments import GROUPS, Moments
from bench.measure.replicates import Replicator
from bench.measure.stopping import draw_until
from bench.names.building import build_estimator, build_task
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from bench.training.settling import settled
from estimators.base import Estimator, Unfit
from tasks.base import Task

TASK_REPLICATES: Final[dict[str, int]] = {
    "gaussian-quadratic": 20_000,
    "gaussian-exponential": 20_000,
    "gaussian-cosine": 20_000,
    "bernoulli-quadratic": 20_000,
    "bernoulli-quadratic(dim=3)": 20_000,
    "categorical-toy": 20_000,
    "lecture-weights": 20_000,
    "linear-gaussian(dim=2, n=8, perturbation=0.3)": 10_000,
    "linear-gaussian(dim=2, n=8, perturbation=0.03)": 10_000,
    "sbn-tiny": 10_000,
    "vae-mnist(data=5k, latent=2, hidden=8, depth=1)": 2_000,
}
"""The small tasks, and the replicates that the kept moments are from.

Weights of samples vary much on one of the two Gaussian models. On the other they are nearly equal, and what is left of
the variance is that of a control variate that is not what it should be.
"""

_TOO_SLOW: Final = {"sbn-tiny": {"rodeo"}}
"""Estimators that are left out of a task since their replicates are drawn one by one, which takes a minute."""

_SAMPLES: Final = 2
_BATCH: Final = 8
_SETTLING_SAMPLES: Final = 256
_SETTLING_STEPS: Final = 20
_MOST_VALUES: Final = 1_000_000
_MOVED: Final = 0.3
# What two machines' arithmetic may differ by, relative to the gradient.
_ROUNDING: Final = {torch.float32: 1e-5, torch.float64: 1e-8}


@dataclass(frozen=True)
class Moment:
    """The moments of one estimator's gradient on one task, for one parameter group.

    Attributes:
        task: with its parameters, as on the command line.
        estimator: by name.
        samples: K.
        group: parameter group.
        replicates: R.
        variance: trace of the covariance; zero where what is left is rounding.
        variance_low: lower end of its 95% interval.
        variance_high: upper end of its 95% interval.
        mean_1: mean along the first direction.
        mean_1_se: its standard error, of GROUPS − 1 degrees of freedom, no less than rounding.
        mean_2: mean along the second direction.
        mean_2_se: likewise.
    """

    task: str
    estimator: str
    samples: Size
    group: str
    replicates: Size
    variance: Amount
    variance_low: float
    variance_high: float
    mean_1: Finite
    mean_1_se: Amount
    mean_2: Finite
    mean_2_se: Amount


@dataclass(frozen=True)
class Point:
    """A small task at fixed parameters, with a batch."""

    name: str
    task: Task
    x: Tensor


def points() -> list[Point]:
    """Return the small tasks at their initial parameters, which one seed fixes."""
    return [_point(name) for name in TASK_REPLICATES]


def _point(name: str) -> Point:
    with seeded(CPU, "reference", name):
        task = build_task(parse_spec(name))
        data = task.load()
        task.initialise(data)
        return Point(name, task, observations(task, data.train[:_BATCH]))


def fitting(point: Point, names: Sequence[str]) -> list[str]:
    """Return those of the named estimators that can be run on a task."""
    fit = []
    for name in names:
        if name in _TOO_SLOW.get(point.name, ()):
            continue
        estimator = ESTIMATORS.build(parse_spec(name))
        try:
            estimator.require(point.task, point.x, _samples(estimator))
        except Unfit:
            continue
        fit.append(name)
    return fit


def ready(name: str, point: Point) -> Estimator:
    """Return an estimator as it is measured at a point, its own parameters fixed.

    A learned part that is zero at the start hides what is wrong with it, and one that is trained depends on the draws:
    each parameter is moved to one side or the other, the same on every machine.
    """
    with seeded(CPU, "reference", name):
        estimator = build_estimator(parse_spec(name), point.task, point.x)
    numbers = np.random.Generator(np.random.PCG64(1))
    with torch.no_grad():
        for parameter in estimator.parameters():
            parameter += torch.as_tensor(_MOVED * _signs(numbers, tuple(parameter.shape)))
    return estimator


def measure_moments(point: Point, name: str, estimator: Estimator, share: float, seed: int) -> Iterator[Moment]:
    """Give the moments of an estimator for each parameter group.

    Args:
        point: where.
        name: what the rows are to be called.
        estimator: what is measured.
        share: of the replicates that the kept moments are from.
        seed: of the replicates.
    """
    samples = _samples(estimator)
    with seeded(CPU, "reference", "settling"):
        # Estimates of many samples, so that what adapts depends little on the draws; learned parts are as at the start.
        estimator = settled(estimator, point.task, point.x, _SETTLING_SAMPLES, steps=_SETTLING_STEPS, step_size=None)
    replicator = Replicator(point.task, estimator, samples)
    # Groups of replicates are all of one size if every chunk divides into them.
    chunk = GROUPS * max(2, min(1000, _MOST_VALUES // replicator.size) // GROUPS)
    rounds = max(1, round(TASK_REPLICATES[point.name] * share / chunk))
    moments = Moments(replicator.size, point.x.dtype, CPU)
    replicator.check_batching(point.x)
    with seeded(CPU, "reference", point.name, name, seed):
        for _ in draw_until(moments, replicator, point.x, chunk, rounds * chunk):
            pass
    for group, where in replicator.slices.items():
        if group in ("guide", "model"):
            yield _moment(point, name, samples, group, moments, where)


def _samples(estimator: Estimator) -> int:
    return max(_SAMPLES, estimator.minimum_samples)


def _moment(point: Point, name: str, samples: int, group: str, moments: Moments, where: slice) -> Moment:
    summary = moments.summary(where)
    spread = variance(summary)
    size = math.sqrt(float(summary.means.mean().clamp(min=0))) * summary.unit
    rounding = _ROUNDING[point.x.dtype] * size
    exact = math.sqrt(spread.value) <= rounding
    along = (moments.mean[:, where].double() @ _directions(summary.size).T / math.sqrt(summary.size)).numpy()
    errors = np.maximum(along.std(0, ddof=1) / math.sqrt(GROUPS), rounding / math.sqrt(summary.size))
    means = along.mean(0)
    return Moment(
        point.name,
        name,
        samples,
        group,
        moments.replicates,
        *((0.0, 0.0, 0.0) if exact else (spread.value, spread.low, spread.high)),
        *(float(value) for pair in zip(means, errors, strict=True) for value in pair),
    )


def _directions(size: int) -> Tensor:
    """Return two rows of signs, [2, P], the same on every machine: both +, then +, −, … by a fixed generator."""
    signs = _signs(np.random.Generator(np.random.PCG64(0)), (2, max(size, 2)))
    # The first two coordinates tell sum from difference, so that a gradient in two parameters is seen whole.
    signs[:, :2] = [[1, 1], [1, -1]]
    return torch.from_numpy(signs[:, :size])


def _signs(numbers: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    return np.array(numbers.integers(0, 2, shape) * 2 - 1, np.float64)
