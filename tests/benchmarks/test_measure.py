"""Ten thousand replicates through `bench.measure`, and by the loop of backward passes that it replaces.

Run with `pytest tests/benchmarks --benchmark-enable --benchmark-only`. The loop draws 500 replicates: multiply by 20.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure.chunk import _LARGEST
from bench.measure.cosines import Cosines
from bench.measure.measure import Precision, _accumulate
from bench.measure.metrics import gradient_metrics
from bench.measure.moments import Moments
from bench.measure.reference import Reference, exact_reference
from bench.measure.replicates import LOOP, Replicator
from estimators.reinforce import Reinforce
from tasks.gaussian_toys import GaussianQuadratic

VAE_PARAMETERS = 450_000
"""About as many as a VAE with two hidden layers of 200 units on MNIST has."""


def gradient_moments(chunk: int, replicates: int) -> float:
    task = GaussianQuadratic()
    x = task.load().train
    replicator, reference = Replicator(task, Reinforce(), 1), exact_reference(task, "expectation", x, 1)
    moments, _ = _accumulate(replicator, x, chunk, reference, Precision(replicates, 0.05, 1), lambda _: None)
    assert moments.replicates == replicates
    return gradient_metrics(moments, replicator.slices["all"], reference)["variance"].value


@pytest.mark.benchmark(group="replicates")
def test_ten_thousand_batched(benchmark: BenchmarkFixture):
    assert benchmark(gradient_moments, _LARGEST, 10_000) > 0


@pytest.mark.benchmark(group="replicates")
def test_five_hundred_looped(benchmark: BenchmarkFixture):
    assert benchmark(gradient_moments, LOOP, 500) > 0


@pytest.mark.benchmark(group="replicates")
def test_five_hundred_backward_passes(benchmark: BenchmarkFixture):
    """What one would write by hand, with all gradients kept."""
    task, estimator = GaussianQuadratic(), Reinforce()
    x = task.load().train

    def gradients() -> torch.Tensor:
        rows = []
        for _ in range(500):
            task.zero_grad()
            estimator(task, x, 1).surrogate.mean().backward()
            rows.append(torch.cat([p.grad.flatten() for p in task.parameters() if p.grad is not None]))
        return torch.stack(rows).var(0).sum()

    assert benchmark(gradients) > 0


@pytest.mark.benchmark(group="accumulators, 450 000 parameters")
@pytest.mark.parametrize("chunk", [1, 4, 16])
def test_moments(benchmark: BenchmarkFixture, chunk: int):
    gradients = torch.randn(chunk, VAE_PARAMETERS)
    moments = Moments(VAE_PARAMETERS, torch.float32, gradients.device)
    benchmark(moments.update, gradients)


@pytest.mark.benchmark(group="accumulators, 450 000 parameters")
@pytest.mark.parametrize("chunk", [1, 4, 16])
def test_cosines(benchmark: BenchmarkFixture, chunk: int):
    gradients = torch.randn(chunk, VAE_PARAMETERS)
    slices = {
        "all": slice(0, VAE_PARAMETERS),
        "guide": slice(0, VAE_PARAMETERS // 2),
        "model": slice(VAE_PARAMETERS // 2, VAE_PARAMETERS),
    }
    cosines = Cosines(Reference(torch.randn(1, VAE_PARAMETERS), None, ""), slices)
    dealt = Moments(VAE_PARAMETERS, torch.float32, gradients.device).update(gradients)
    benchmark(cosines.update, gradients, dealt)
