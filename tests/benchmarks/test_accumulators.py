"""What accumulating the moments of 450 000 parameters costs beside their gradients.

Run with `pytest tests/benchmarks --benchmark-enable --benchmark-only`; without these flags each body runs once.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure.cosines import Cosines
from bench.measure.moments import Moments
from bench.measure.reference import Reference
from bench.measure.rows import Whole

VAE_PARAMETERS = 450_000
"""About as many as a VAE with two hidden layers of 200 units on MNIST has."""


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

    def work() -> None:
        for columns, numbers in Whole(gradients).strips():
            cosines.read(columns, numbers, dealt)
        cosines.close(dealt)

    benchmark(work)
