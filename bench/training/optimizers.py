"""Optimizers of named parameter groups, and their step sizes.

The arithmetic is PyTorch's, called as functions. Its optimizers as objects import its compiler as soon as one is made,
which takes longer than many a training.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from bench.settings import Training
from bench.training.descents import SGD, Adam, RMSprop, parse_optimizer

Moments = dict[str, Tensor]
"""What an optimizer keeps of one parameter: averages of its shape, and how many steps it has moved in (`step`)."""

COUNT: Final = "step"


@dataclass
class Group:
    """Parameters that move at one step size.

    Attributes:
        name: guide, model or estimator.
        parameters: at least one.
        step_size: as a tensor, a CUDA graph of the step reads it again at every replay.
    """

    name: str
    parameters: Sequence[Tensor]
    step_size: float | Tensor


@dataclass(frozen=True)
class Moving:
    """Parameters with a gradient that move at one step size, and what is known of each, in the same order.

    Attributes:
        parameters: which.
        gradients: theirs.
        averages: those that the optimizer keeps, in the order of their names.
        counts: of steps, if it counts them.
        step_size: a number, or a tensor.
    """

    parameters: list[Tensor]
    gradients: list[Tensor]
    averages: list[list[Tensor]]
    counts: list[Tensor]
    step_size: Any


class Optimizer(ABC):
    """Moves parameters against their gradients.

    Attributes:
        groups: of parameters.
        state: the moments of each parameter that has moved.
        settings: by the names that PyTorch has for them, as checkpoints have had from the first.
        averages: the names of the moments that have the shape of the parameter.
        counts: whether steps are counted, too.
    """

    settings: Mapping[str, Any]
    averages: tuple[str, ...]
    counts: ClassVar[bool]

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.state: dict[Tensor, Moments] = {}
        # As of steps that a CUDA graph is made of, which counts where it is.
        self._is_capturable = self._counts_there = isinstance(groups[0].step_size, Tensor)

    @property
    def parameters(self) -> list[Tensor]:
        """Return the parameters of all groups."""
        return [parameter for group in self.groups for parameter in group.parameters]

    def set_step_sizes(self, step_sizes: Mapping[str, float]) -> None:
        """Set the step size of each parameter group."""
        for group in self.groups:
            if isinstance(group.step_size, Tensor):
                group.step_size.fill_(step_sizes[group.name])
            else:
                group.step_size = step_sizes[group.name]

    @torch.no_grad()
    def step(self) -> None:
        """Take a step: a parameter without a gradient rests, and so do its moments.

        All groups of one step size move in one call. One for each group takes 3% of a VAE's training step.
        """
        moving: dict[float | Tensor, list[Tensor]] = {}
        for group in self.groups:
            with_gradient = [parameter for parameter in group.parameters if parameter.grad is not None]
            moving.setdefault(group.step_size, []).extend(with_gradient)
        for step_size, parameters in moving.items():
            moments = [self._moments(parameter) for parameter in parameters]
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            averages = [[of[name] for of in moments] for name in self.averages]
            counts = [of[COUNT] for of in moments] if self.counts else []
            self._move(Moving(parameters, gradients, averages, counts, step_size))

    def _moments(self, parameter: Tensor) -> Moments:
        """Return the moments of a parameter, zeros before it has moved."""
        if parameter not in self.state and (self.averages or self.counts):
            where = parameter.device if self._counts_there else "cpu"
            count = {COUNT: torch.zeros((), dtype=torch.float32, device=where)} if self.counts else {}
            self.state[parameter] = count | {name: torch.zeros_like(parameter) for name in self.averages}
        return self.state.get(parameter, {})

    @abstractmethod
    def _move(self, of: Moving) -> None:
        """Take a step of parameters of one step size, in place."""

    def state_dict(self) -> dict[str, Any]:
        """Return settings and moments, parameters by their places, in the layout of PyTorch's own optimizers."""
        places = {parameter: place for place, parameter in enumerate(self.parameters)}
        groups = [
            {
                "name": group.name,
                "lr": group.step_size,
                **self.settings,
                "params": [places[parameter] for parameter in group.parameters],
            }
            for group in self.groups
        ]
        return {"state": {places[parameter]: {**of} for parameter, of in self.state.items()}, "param_groups": groups}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` with the same settings, each moment laid out in memory as its parameter is.

        A stack's are contiguous whatever the parameter is, and a fused optimizer reads all as if they were laid out
        alike.
        """
        parameters = self.parameters
        self.state = {}
        for place, found in state["state"].items():
            moments = self._moments(parameters[place])
            for name, own in moments.items():
                own.copy_(found[name])


@final
class AdamOptimizer(Optimizer):
    """Adam, by PyTorch's fused version unless another is asked for: they round differently."""

    averages = ("exp_avg", "exp_avg_sq")
    counts = True

    def __init__(self, groups: Sequence[Group], descent: Adam, *, is_fused: bool = True) -> None:
        super().__init__(groups)
        self.settings = {"betas": (descent.beta1, descent.beta2), "eps": descent.eps}
        self._descent, self._is_fused = descent, is_fused
        self._counts_there |= is_fused

    def _move(self, of: Moving) -> None:
        means, squares = of.averages
        adam(
            of.parameters,
            of.gradients,
            means,
            squares,
            [],
            of.counts,
            fused=self._is_fused or None,
            capturable=self._is_capturable,
            amsgrad=False,
            beta1=self._descent.beta1,
            beta2=self._descent.beta2,
            lr=of.step_size,
            weight_decay=0,
            eps=self._descent.eps,
            maximize=False,
        )


@final
class SGDOptimizer(Optimizer):
    """SGD, fused, which reads a step size that is a tensor where it is, and needs no other version for a CUDA graph."""

    counts = False

    def __init__(self, groups: Sequence[Group], descent: SGD) -> None:
        super().__init__(groups)
        self.settings = {"momentum": descent.momentum, "nesterov": descent.nesterov}
        self.averages = ("momentum_buffer",) if descent.momentum else ()

    def _move(self, of: Moving) -> None:
        # The first step makes the same of a buffer of zeros as of none.
        (buffers,) = of.averages or [[None] * len(of.parameters)]
        sgd(
            of.parameters,
            of.gradients,
            [*buffers],
            fused=True,
            lr=of.step_size,
            **self.settings,
            dampening=0,
            weight_decay=0,
            maximize=False,
        )


@final
class RMSpropOptimizer(Optimizer):
    """RMSprop, of which there is no fused version: that by lists is the faster of two, and can be captured."""

    counts = True

    def __init__(self, groups: Sequence[Group], descent: RMSprop) -> None:
        super().__init__(groups)
        self.settings = {"alpha": descent.alpha, "momentum": descent.momentum, "eps": descent.eps}
        self.averages = ("square_avg", "momentum_buffer") if descent.momentum else ("square_avg",)

    def _move(self, of: Moving) -> None:
        squares, *buffers = of.averages
        rmsprop(
            of.parameters,
            of.gradients,
            squares,
            [],
            buffers[0] if buffers else [],
            of.counts,
            foreach=True,
            capturable=self._is_capturable,
            lr=of.step_size,
            **self.settings,
            weight_decay=0,
            centered=False,
        )


def make_optimizer(
    groups: Mapping[str, Sequence[Tensor]], step_sizes: Mapping[str, float | Tensor], settings: Training
) -> Optimizer:
    """Return the optimizer of parameter groups, those without parameters left out.

    Args:
        groups: parameters by the group's name.
        step_sizes: of each group; as tensors, a CUDA graph of the step can be captured, and reads them at every replay.
        settings: which optimizer.
    """
    moved = [Group(name, parameters, step_sizes[name]) for name, parameters in groups.items() if parameters]
    match parse_optimizer(settings.optimizer):
        case Adam() as descent:
            return AdamOptimizer(moved, descent)
        case SGD() as descent:
            return SGDOptimizer(moved, descent)
        case descent:
            return RMSpropOptimizer(moved, descent)
