"""A training step of `vae-mnist` as a careful user writes it for one model in plain PyTorch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tasks.images.vae import VAEMnist
from tests.benchmarks.training import BATCH, STEP_SIZE, repeated


def networks() -> tuple[nn.Sequential, nn.Sequential]:
    """Return encoder and decoder, 784–200–200–50."""
    encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 100))
    decoder = nn.Sequential(nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 784))
    return encoder, decoder


def binarized(grey: Tensor) -> Tensor:
    """Draw pixels from Bernoulli(grey / 255)."""
    return (torch.randint(0, 255, grey.shape, dtype=torch.uint8) < grey).float()


def batches(prepare: Callable[[Tensor], Tensor] = binarized) -> Callable[[], Tensor]:
    """Return what gives minibatches without replacement, binarized anew."""
    rows = VAEMnist(data="5k").load().train
    order, at = torch.randperm(len(rows)), 0

    def next_batch() -> Tensor:
        nonlocal order, at
        if at + BATCH > len(rows):
            order, at = torch.randperm(len(rows)), 0
        grey = rows[order[at : at + BATCH]]
        at += BATCH
        return prepare(grey)

    return next_batch


def hand_written(count: int, prepare: Callable[[Tensor], Tensor] = binarized) -> Callable[[], None]:
    """Return `count` steps in plain PyTorch, with fused Adam; `prepare` makes pixels of grey levels."""
    torch.manual_seed(0)
    encoder, decoder = networks()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], STEP_SIZE, fused=True)
    next_batch = batches(prepare)

    def step() -> None:
        x = next_batch()
        loc, log_scale = encoder(x).chunk(2, -1)
        noise = torch.randn_like(loc)
        z = loc + log_scale.exp() * noise
        optimizer.zero_grad(set_to_none=True)
        loss = -elbo(x, decoder(z), z, noise, log_scale).mean()
        loss.backward()
        optimizer.step()

    return repeated(step, count)


def elbo(x: Tensor, logits: Tensor, z: Tensor, noise: Tensor, log_scale: Tensor) -> Tensor:
    """Return log p(x, z) − log q(z|x) at z = loc + scale · noise, [B]."""
    likelihood = (x * logits).sum(-1) - nn.functional.softplus(logits).sum(-1)
    return likelihood - 0.5 * z.square().sum(-1) + 0.5 * noise.square().sum(-1) + log_scale.sum(-1)
