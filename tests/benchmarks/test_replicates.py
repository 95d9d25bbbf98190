"""Replicates of a VAE's gradient beside the same number of backward passes, accumulated in the same way.

Run with `pytest tests/benchmarks --benchmark-enable --benchmark-only`; without these flags each body runs once.
"""

from typing import Any

import pytest
import torch

from bench.measure.chunk import fastest_chunk
from bench.measure.moments import Moments
from bench.measure.replicates import LOOP, Replicator
from estimators.reinforce import Reinforce
from tasks.vae import VAEMnist

REPLICATES = 64


@pytest.mark.benchmark(group="64 replicates, vae-mnist, batch 100")
@pytest.mark.parametrize("which", ["batched", "loop"])
def test_replicates_of_a_vae(benchmark: Any, which: str) -> None:
    torch.manual_seed(0)
    task = VAEMnist(data="5k")
    data = task.load()
    task.initialise(data)
    x = task.prepare(data.train[:100])
    replicator = Replicator(task, Reinforce(), 1)
    # Without --benchmark-enable there is nothing to time, and so no chunk to tune.
    chunk = LOOP if which == "loop" else 8 if benchmark.disabled else fastest_chunk(replicator, x)

    def measure() -> Moments:
        moments = Moments(replicator.size, x.dtype, x.device)
        for _ in range(REPLICATES // chunk):
            moments.update(replicator.draw(x, chunk))
        return moments

    moments = benchmark.pedantic(measure, rounds=10, warmup_rounds=1)
    assert moments.replicates == REPLICATES
    benchmark.extra_info["chunk"] = chunk
