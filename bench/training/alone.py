"""What a seed computes alone, by plain autograd: the yardstick of a step of many seeds."""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from bench.machine.streams import GlobalStream, seeded
from bench.training.loss import Loss
from bench.training.trace import NotBatchable
from estimators.distributions import without_validation

_TOLERANCE: Final = {torch.float32: 1e-2, torch.float64: 1e-6}
"""Relative distance of two gradients that rounding may cause, in a bit of a discrete draw as well."""


def trained_parameters(loss: Loss, rows: Tensor) -> list[str]:
    """Return the names of the parameters that receive a gradient at stored rows [B, ...]."""
    named = {name: value for name, value in loss.named_parameters() if value.requires_grad}
    with seeded(rows.device, "trace"), without_validation():
        gradients = torch.autograd.grad(loss(rows)[0], list(named.values()), allow_unused=True)
    return [name for name, gradient in zip(named, gradients, strict=True) if gradient is not None]


def require_same_gradient(
    loss: Loss, rows: Tensor, state: dict[str, Tensor], found: Mapping[str, Tensor], objective: Tensor
) -> None:
    """Compare a seed's gradient beside others with the one that it computes alone.

    What a task or an estimator keeps beside parameters and buffers would be the first seed's for all.

    Args:
        loss: of the seed.
        rows: stored rows of its minibatch, [B, ...].
        state: of the generators that it draws from.
        found: its gradient beside others, by parameter.
        objective: its mean objective beside others, a scalar.

    Raises:
        NotBatchable: they differ by more than rounding.
    """
    named = dict(loss.named_parameters())
    with seeded(rows.device), without_validation():
        GlobalStream(rows.device).restore(state)
        value, estimate = loss(rows)
        parts = torch.autograd.grad(value, [named[name] for name in found], allow_unused=True, materialize_grads=True)
    alone, beside = (torch.cat([part.reshape(-1) for part in side]) for side in (parts, found.values()))
    expected = estimate.objective.detach().mean()
    distance = (beside - alone).norm() + (objective - expected).abs()
    if bool(distance > _TOLERANCE[alone.dtype] * (alone.norm() + expected.abs())):
        raise NotBatchable("a seed's gradient beside others differs from its gradient alone")
