"""A training step on `vae-mnist` beside the same step hand-written in plain PyTorch, both with fused Adam.

Run with `pytest tests/benchmarks --benchmark-enable --benchmark-only`; without these flags each body runs once.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.settings import Training
from bench.train import Trainer
from estimators.reparam import Reparam
from tasks.vae import VAEMnist

BATCH = 100


def ours() -> Callable[[], object]:
    torch.manual_seed(0)
    task = VAEMnist(data="5k")
    data = task.load()
    task.initialise(data)
    trainer = Trainer(task, Reparam(), data, Training(10**9, BATCH, "adam", 1e-3, 1e-4, "constant"), 1)
    return trainer.step


def hand_written() -> Callable[[], object]:
    """Return one step of a VAE as a careful user writes it for one model."""
    torch.manual_seed(0)
    rows = VAEMnist(data="5k").load().train
    encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 100))
    decoder = nn.Sequential(nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 784))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)
    order, at = torch.randperm(len(rows)), 0

    def step() -> None:
        nonlocal order, at
        if at + BATCH > len(rows):
            order, at = torch.randperm(len(rows)), 0
        grey = rows[order[at : at + BATCH]]
        at += BATCH
        x = (torch.randint(0, 255, grey.shape, dtype=torch.uint8) < grey).float()
        loc, log_scale = encoder(x).chunk(2, -1)
        noise = torch.randn_like(loc)
        z = loc + log_scale.exp() * noise
        optimizer.zero_grad(set_to_none=True)
        loss = -elbo(x, decoder(z), z, noise, log_scale).mean()
        loss.backward()
        optimizer.step()

    return step


def elbo(x: Tensor, logits: Tensor, z: Tensor, noise: Tensor, log_scale: Tensor) -> Tensor:
    likelihood = (x * logits).sum(-1) - nn.functional.softplus(logits).sum(-1)
    return likelihood - 0.5 * z.square().sum(-1) + 0.5 * noise.square().sum(-1) + log_scale.sum(-1)


@pytest.mark.benchmark(group="training step, vae-mnist, batch 100")
@pytest.mark.parametrize("which", [ours, hand_written], ids=["varbench", "hand-written"])
def test_training_step(benchmark: Any, which: Callable[[], Callable[[], object]]) -> None:
    step = which()
    benchmark.pedantic(step, rounds=400, warmup_rounds=20)
