"""The rounding of a gradient, measured: how much it changes when every operation that leads to it is rounded again."""

from collections.abc import Callable
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.utils._pytree import tree_iter, tree_map

from bench.machine.dispatch import DispatchMode
from bench.machine.streams import derive_seed, seeded

_DRAWS: Final = 4

_WHOLE: Final = {"aten::ceil", "aten::floor", "aten::round", "aten::sign", "aten::trunc"}
"""Operations whose results are whole numbers, whatever they are given."""


def rounding_of(gradient: Callable[[], Tensor], device: torch.device) -> Tensor:
    """Return the root mean square of each coordinate's change over four draws, [P], in float64.

    Args:
        gradient: returns [P]; what it draws, it draws alike from the same stream.
        device: that it draws on.
    """
    changes = []
    for draw in range(_DRAWS):
        with seeded(device, "rounding", draw):
            plain = gradient()
        # On a CPU autograd runs within the mode only where it has one thread.
        with seeded(device, "rounding", draw), torch.autograd.set_multithreading_enabled(False), RandomRounding(draw):
            rounded = gradient()
        change = (rounded - plain).double().abs()
        changes.append(torch.where(change.isfinite(), change, 0.0))
    # The norm of so few is taken in units of the largest: squares of small numbers would vanish.
    stacked = torch.stack(changes)
    unit = stacked.amax(0).clamp(min=torch.finfo(torch.float64).tiny)
    return unit * (stacked / unit).square().mean(0).sqrt()


@final
class RandomRounding(DispatchMode):
    """Moves the result of every operation by one unit of rounding, up or down at random.

    This is Monte Carlo arithmetic (Parker 1997). What is made of whole numbers only is exact: counts, outcomes, masks.
    Any other whole number moves towards zero, so that a probability of one does not grow. Random numbers stay as they
    are drawn.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = derive_seed("random rounding", seed)
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func._schema.name in _WHOLE or torch.Tag.nondeterministic_seeded in func.tags:
            return result
        given = [value for value in tree_iter((args, kwargs)) if isinstance(value, Tensor)]
        storages = {_storage(value) for value in given}
        # Asked first: to look into numbers is to wait for a GPU.
        if not any(_is_new(value, storages) for value in tree_iter(result)):
            return result
        if all(bool((value == value.round()).all()) for value in given if value.is_floating_point()):
            return result
        return tree_map(lambda value: self._rounded(value) if _is_new(value, storages) else value, result)

    def _rounded(self, value: Tensor) -> Tensor:
        if value.device not in self._generators:
            self._generators[value.device] = torch.Generator(value.device).manual_seed(self._seed)
        up = torch.rand(value.shape, generator=self._generators[value.device], device=value.device) < 0.5
        step = torch.finfo(value.dtype).eps * value
        return torch.where(up & (value != value.round()), value + step, value - step)


def _is_new(value: Any, storages: set[int]) -> bool:
    """Return whether a result is a number of its own, and not a view of what was given."""
    return isinstance(value, Tensor) and value.is_floating_point() and _storage(value) not in storages


def _storage(value: Tensor) -> int:
    return value.untyped_storage()._cdata
