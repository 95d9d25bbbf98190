"""What is swept to see how seconds grow with the work."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

import bench
from bench.evaluation.bounds import evaluate_bounds
from bench.machine.device import synchronize
from bench.machine.matmul import multiplied_by_onednn, onednn_pays
from bench.measure.chunk import fastest_chunk
from bench.measure.moments import Moments
from bench.measure.replicates import LOOP, Replicator
from bench.measure.stopping import draw_until
from tests.benchmarks import folders
from tests.benchmarks.contest import Work, multiplied
from tests.benchmarks.replicates import Point
from tests.benchmarks.seeds import stacked


@dataclass(frozen=True)
class Line:
    """One line of the figure: seconds of a kind of work at several sizes.

    Attributes:
        axis: what grows.
        point: what it is done on; its task may have a `{}` for the size.
        sizes: in ascending order.
        make: returns the size as it is shown, and the work.
    """

    axis: str
    point: Point
    sizes: tuple[int, ...]
    make: Callable[[Point, int], tuple[int, Work]]


def _replicates(point: Point, count: int) -> tuple[int, Work]:
    """Return the work of accumulating the moments of `count` replicates."""
    task, estimator, x = point.build()
    replicator = Replicator(task, estimator, point.samples)
    by_onednn = onednn_pays(task, point.batch * point.samples)
    with multiplied_by_onednn(by_onednn):
        chunk = fastest_chunk(replicator, x, count)

    def work() -> None:
        moments = Moments(replicator.size, x.dtype, x.device)
        for _ in draw_until(moments, replicator, x, chunk, count):
            pass
        synchronize(x.device)

    return count, multiplied(work, by_onednn)


def _gradient(point: Point) -> tuple[Replicator, Work]:
    """Return the work of one gradient, as a training step computes it."""
    task, estimator, x = point.build()
    replicator = Replicator(task, estimator, point.samples)

    def work() -> None:
        replicator.draw(x, LOOP)
        synchronize(x.device)

    return replicator, multiplied(work, onednn_pays(task, point.batch * point.samples))


def _samples(point: Point, samples: int) -> tuple[int, Work]:
    return samples, _gradient(replace(point, samples=samples))[1]


def _sized(point: Point, size: int) -> tuple[int, Work]:
    return size, _gradient(replace(point, task=point.task.format(size)))[1]


def _parameters(point: Point, size: int) -> tuple[int, Work]:
    replicator, work = _gradient(replace(point, task=point.task.format(size)))
    return replicator.size, work


def _seeds(point: Point, seeds: int) -> tuple[int, Work]:
    """Return the work of one step of so many seeds."""
    return seeds, stacked(point, seeds)(seeds)


def _datapoints(point: Point, count: int) -> tuple[int, Work]:
    """Return the work of evaluating both bounds on so many rows, with ten samples for each."""
    task, _, _ = point.build()
    rows = task.load().train[:count].to(point.device)

    def work() -> None:
        evaluate_bounds(task, rows, 10, 0, "cost", lambda share: None)
        synchronize(rows.device)

    return count, multiplied(work, onednn_pays(task, count))


def _records(_: Point, count: int) -> tuple[int, Work]:
    """Return the work of reading so many records, those of cells that were not trained."""
    folder = tempfile.TemporaryDirectory()
    folders.make(Path(folder.name), count, trained=False)
    return count, lambda: bench.load(folder.name)


_DEVICE: Final = "cuda" if torch.cuda.is_available() else "cpu"
_VAE: Final = "vae-mnist(data=5k)"

LINES: Final = (
    Line(
        "replicates R",
        Point("gaussian-quadratic", "reinforce", device=_DEVICE),
        (1000, 4000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000),
        _replicates,
    ),
    Line("replicates R", Point(_VAE, "reparam", 100, device=_DEVICE), (8, 16, 32, 48, 64, 96, 128, 192), _replicates),
    Line("samples K", Point(_VAE, "iwae", 20, device=_DEVICE), (1, 2, 4, 8, 12, 16, 24, 32, 48, 64), _samples),
    Line(
        "samples K",
        Point("sbn-mnist(data=5k)", "reinforce-loo", 20, device=_DEVICE),
        (2, 4, 8, 12, 16, 24, 32, 48, 64),
        _samples,
    ),
    Line(
        "parameters P",
        Point("vae-mnist(data=5k, hidden={})", "reparam", 100, device=_DEVICE),
        (25, 50, 100, 200, 300, 400, 600, 800),
        _parameters,
    ),
    Line(
        "latents D",
        Point("vae-mnist(data=5k, latent={})", "reparam", 100, device=_DEVICE),
        (8, 32, 64, 96, 128, 192, 256, 384, 512),
        _sized,
    ),
    Line(
        "latents D",
        Point("bernoulli-quadratic(dim={})", "disarm", device=_DEVICE),
        (1000, 10_000, 30_000, 100_000, 200_000, 400_000, 1_000_000),
        _sized,
    ),
    Line(
        "seeds S",
        Point("gaussian-quadratic", "reinforce", device=_DEVICE),
        (1, 4, 16, 32, 64, 128, 256, 512),
        _seeds,
    ),
    Line(
        "seeds S",
        Point("vae-mnist(data=5k, hidden=50)", "reparam", 20, device=_DEVICE),
        (1, 2, 4, 6, 8, 12, 16, 24),
        _seeds,
    ),
    Line("datapoints N", Point(_VAE, "reparam", 100, device=_DEVICE), (100, 200, 400, 800, 1600, 3200), _datapoints),
    Line("records", Point("gaussian-quadratic", "reinforce"), (200, 400, 800, 1600, 3200, 6400), _records),
)
