"""The tensors in which a gradient is taken, and their groups, as a user gives them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from bench.errors import UsageError

Some = nn.Module | Tensor | Iterable[Tensor]
Parameters = Some | Mapping[str, Some]

ALL: Final = "all"
"""The group of all of them."""


@dataclass(frozen=True)
class Tensors:
    """Tensors in the order of a gradient's coordinates.

    Attributes:
        named: each by a name for messages.
        slices: where each parameter group lies; `all` is the first.
        modules: that were given.
    """

    named: dict[str, Tensor]
    slices: dict[str, slice]
    modules: tuple[nn.Module, ...]

    @property
    def device(self) -> torch.device:
        """Return the device that all of them are on."""
        return next(iter(self.named.values())).device

    @property
    def dtype(self) -> torch.dtype:
        """Return the type that moments are taken in: float64 where one of them is, else float32."""
        is_double = any(value.dtype == torch.float64 for value in self.named.values())
        return torch.float64 if is_double else torch.float32


def tensors_of(parameters: Parameters) -> Tensors:
    """Return the tensors that parameters are.

    Args:
        parameters: a module, of which those are meant that require a gradient; a tensor or several; or groups of
            these by name.

    Raises:
        UsageError: they are none of these, or no gradient can be taken in one of them.
    """
    groups: Mapping[Any, Any] = parameters if isinstance(parameters, Mapping) else {"": parameters}
    named: dict[str, Tensor] = {}
    slices: dict[str, slice] = {}
    modules: list[nn.Module] = []
    start = 0
    for group, some in groups.items():
        if isinstance(parameters, Mapping) and (not isinstance(group, str) or not group or group == ALL):
            raise UsageError(f"a parameter group is called {group!r}: give it another name than '{ALL}'")
        modules += [some] if isinstance(some, nn.Module) else []
        end = start
        for name, value in _tensors(some, group):
            _require_differentiable(name, value)
            if any(value is known for known in named.values()):
                raise UsageError(f"the parameter {name} is given twice: each belongs to one group")
            named[name] = value
            end += value.numel()
        if end == start:
            raise UsageError(f"{f'the group {group}' if group else 'what was given'} has no parameter with a gradient")
        if group:
            slices[group] = slice(start, end)
        start = end
    devices = {str(value.device) for value in named.values()}
    if len(devices) > 1:
        raise UsageError(f"the parameters are on {' and '.join(sorted(devices))}: measure one device's at a time")
    return Tensors(named, {ALL: slice(0, start), **slices}, tuple(modules))


def _tensors(some: object, group: str) -> Iterator[tuple[str, Tensor]]:
    """Give tensors by name; a group's name comes first."""
    before = f"{group}." if group else ""
    if isinstance(some, nn.Module):
        yield from ((f"{before}{name}", value) for name, value in some.named_parameters() if value.requires_grad)
    elif isinstance(some, Tensor):
        yield group or "0", some
    elif isinstance(some, Iterable) and not isinstance(some, str | bytes | Mapping):
        yield from ((f"{before}{place}", one) for place, one in enumerate(some))
    else:
        raise UsageError(
            "parameters must be a module, a tensor, several tensors, or groups of these by name, such as {'encoder': "
            "encoder, "
            f"'scale': [log_scale]}}, not {type(some).__name__}"
        )


def _require_differentiable(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise UsageError(f"the parameter {name} is not a tensor, but of type {type(value).__name__}")
    if not value.is_floating_point():
        raise UsageError(f"the parameter {name} is of type {value.dtype}, which has no gradient")
    if not value.requires_grad:
        raise UsageError(f"the parameter {name} requires no gradient: leave it out, or set requires_grad")
