"""Optimizers of named parameter groups, and their step sizes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bench.settings import Training


def make_optimizer(
    groups: Mapping[str, Sequence[Tensor]], step_sizes: Mapping[str, float | Tensor], settings: Training
) -> torch.optim.Optimizer:
    """Return the optimizer of parameter groups, those without parameters left out.

    Args:
        groups: parameters by the group's name.
        step_sizes: of each group; as tensors, a CUDA graph of the step can be captured, and reads them at every replay.
        settings: which optimizer.
    """
    described = [
        {"name": name, "params": list(parameters), "lr": step_sizes[name]}
        for name, parameters in groups.items()
        if parameters
    ]
    if settings.optimizer == "adam":
        capturable = isinstance(described[0]["lr"], Tensor)
        return torch.optim.Adam(described, fused=True, capturable=capturable)
    return torch.optim.SGD(described, fused=True)


def set_step_sizes(optimizer: torch.optim.Optimizer, step_sizes: Mapping[str, float]) -> None:
    """Set the step size of each parameter group."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(step_sizes[group["name"]])
        else:
            group["lr"] = step_sizes[group["name"]]
