"""Optimizers of named parameter groups, and their step sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from bench.settings import Training
from bench.training.descents import SGD, Adam, Descent, parse_optimizer


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
    return _made(parse_optimizer(settings.optimizer), described, isinstance(described[0]["lr"], Tensor))


def _made(descent: Descent, groups: list[dict[str, Any]], capturable: bool) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer; `capturable`: step sizes are tensors, and a CUDA graph is made of its step."""
    match descent:
        case Adam(beta1, beta2, eps):
            return torch.optim.Adam(groups, betas=(beta1, beta2), eps=eps, fused=True, capturable=capturable)
        case SGD(momentum, nesterov):
            # Fused, it reads a step size that is a tensor where it is, and needs no other version for a CUDA graph.
            made = torch.optim.SGD(groups, momentum=momentum, nesterov=nesterov, fused=True)
            for parameter in (one for group in groups for one in group["params"]) if momentum else ():
                # Zeros are what its first step makes of none. It tells first steps by group, and a parameter may get
                # its first gradient after others of its group.
                made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
            return made
        case _:
            # There is no fused version. That by lists is the faster of the two others, and can be captured.
            return torch.optim.RMSprop(
                groups,
                alpha=descent.alpha,
                eps=descent.eps,
                momentum=descent.momentum,
                foreach=True,
                capturable=capturable,
            )


def set_step_sizes(optimizer: torch.optim.Optimizer, step_sizes: Mapping[str, float]) -> None:
    """Set the step size of each parameter group."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(step_sizes[group["name"]])
        else:
            group["lr"] = step_sizes[group["name"]]


@torch.no_grad()
def restore_moments(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Go on from a `state_dict`, each moment laid out in memory as its parameter is.

    A stack's are contiguous whatever the parameter is, and a fused optimizer reads all as if they were laid out alike.
    """
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for key, value in moments.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                moments[key] = torch.empty_like(parameter).copy_(value)


@torch.no_grad()
def advance(optimizer: torch.optim.Optimizer) -> None:
    """Take the step that `optimizer.step()` takes: a parameter without a gradient rests, and so do its moments.

    Adam is called as a function, once for all groups of one step size. Its method calls it once for each group and
    marks itself for profilers, which takes 3% of a VAE's training step.
    """
    moving: dict[float | Tensor, list[Tensor]] = {}
    for group in optimizer.param_groups:
        with_gradient = [parameter for parameter in group["params"] if parameter.grad is not None]
        moving.setdefault(group["lr"], []).extend(with_gradient)
    started = all(parameter in optimizer.state for parameters in moving.values() for parameter in parameters)
    if not (started and isinstance(optimizer, torch.optim.Adam)):
        # The method makes the moments, too.
        optimizer.step()
        return
    options = optimizer.param_groups[0]
    for step_size, parameters in moving.items():
        states = [optimizer.state[parameter] for parameter in parameters]
        adam(
            parameters,
            [parameter.grad for parameter in parameters if parameter.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            capturable=options["capturable"],
            amsgrad=options["amsgrad"],
            beta1=options["betas"][0],
            beta2=options["betas"][1],
            lr=step_size,
            weight_decay=options["weight_decay"],
            eps=options["eps"],
            maximize=options["maximize"],
        )
