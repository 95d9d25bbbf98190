"""Is what was kept of a training a state that the training can be in? Asked before any of it is taken."""

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from bench.machine.lost import is_of_device
from bench.training.optimizers import COUNT, Optimizer

T = TypeVar("T")

_SQUARES: Final = ("exp_avg_sq", "square_avg")


class Unfit(Exception):
    """What was kept cannot be continued from; the message says why, as in `task.guide.loc is missing`."""


def require(condition: bool, why: str) -> None:
    """Raise `Unfit` with a reason unless a condition is met."""
    if not condition:
        raise Unfit(why)


def require_like(template: Any, found: Any, name: str) -> None:
    """Refuse what differs from a template in names, shapes or types, or has numbers that are not finite.

    Args:
        template: tensors, or mappings of such, nested.
        found: what is to be in its place.
        name: of it, for the reason.

    Raises:
        Unfit: the first difference.
    """
    if isinstance(template, Mapping):
        if not isinstance(found, Mapping):
            raise Unfit(f"{name} is {'missing' if found is None else 'not a mapping'}")
        for key in template:
            require(key in found, f"{name}.{key} is missing")
        for key, value in found.items():
            require(key in template, f"{name}.{key} is not known here")
            require_like(template[key], value, f"{name}.{key}")
        return
    require(isinstance(found, Tensor), f"{name} is not a tensor")
    require(found.layout is template.layout, f"{name} is not laid out as a tensor of numbers")
    for what in ("shape", "dtype"):
        was, wanted = getattr(found, what), getattr(template, what)
        require(was == wanted, f"{name} has {what} {_brief(was)} instead of {_brief(wanted)}")
    require(bool(found.isfinite().all()), f"{name} is not finite")


def built(cls: type[T], values: Any, name: str) -> T:
    """Return a dataclass of plain fields, made of its `asdict`.

    Raises:
        Unfit: a field is missing, unknown, or of another type.
    """
    hints = get_type_hints(cls)
    require(isinstance(values, dict) and values.keys() == hints.keys(), f"{name} lacks a field, or has an unknown one")
    for field, hint in hints.items():
        require(_is_a(values[field], hint), f"{name}.{field} is {values[field]!r:.40}")
    return cls(**values)


def require_optimizer(optimizer: Optimizer, found: Any, steps: int) -> None:
    """Refuse an optimizer's state that does not go with its parameters: the fused step reads beyond their ends.

    Args:
        optimizer: with the parameters.
        found: a `state_dict` of another one.
        steps: how many steps that one has taken.

    Raises:
        Unfit: it says what does not fit.
    """
    fresh = optimizer.state_dict()["param_groups"]
    require(isinstance(found, dict) and found.keys() == {"state", "param_groups"}, "optimizer lacks a part")
    groups, state = found["param_groups"], found["state"]
    require(isinstance(groups, list) and isinstance(state, dict), "optimizer holds unknown things")
    require(len(groups) == len(fresh), "optimizer has a different number of parameter groups")
    for group, wanted in zip(groups, fresh, strict=True):
        is_one = isinstance(group, dict) and type(group.get("lr")) is float
        # The step size is set at every step. PyTorch's own optimizers, which there were before, kept all their options.
        is_same = is_one and all(group.get(key) == value for key, value in wanted.items() if key != "lr")
        require(is_same, f"optimizer has a different group {wanted['name']}")
    parameters = optimizer.parameters
    names = {*optimizer.averages, *([COUNT] if optimizer.counts else [])}
    require(not (steps and parameters and names) or bool(state), "optimizer has no moments")
    for place, moments in state.items():
        require(type(place) is int and 0 <= place < len(parameters), "optimizer has moments of another parameter")
        _require_moments(names, parameters[place], moments, f"optimizer.{place}", steps)


def _require_moments(names: set[str], parameter: Tensor, found: Any, name: str, steps: int) -> None:
    # Some versions of PyTorch keep that there is no buffer.
    there = {key: value for key, value in found.items() if value is not None} if isinstance(found, dict) else None
    require(there is not None and there.keys() == names, f"{name} lacks a moment")
    assert there is not None
    for key, value in there.items():
        if key == COUNT:
            require_like(torch.zeros(()), value, f"{name}.step")
            require(1 <= float(value) <= steps, f"{name}.step is {float(value):g}")
        elif key in _SQUARES:
            # The square of a large gradient may have overflowed, and that training goes on.
            require_like(parameter, value.clamp(max=1.0) if isinstance(value, Tensor) else value, f"{name}.{key}")
            require(bool((value >= 0).all()), f"{name}.{key} is negative")
        else:
            require_like(parameter, value, f"{name}.{key}")


def require_generators(found: Mapping[str, Tensor]) -> None:
    """Refuse states that no random generator can be in.

    Raises:
        Unfit: it says of which device.
    """
    for device, state in found.items():
        try:
            torch.Generator(device).set_state(state.cpu())
        except RuntimeError as error:
            if is_of_device(error):
                raise
            raise Unfit(f"generators.{device} is not the state of a generator") from error


def require_flags(found: Any, steps: int) -> None:
    """Refuse what does not say of each of so many steps whether its gradient was clipped."""
    are_flags = isinstance(found, list) and all(isinstance(one, Tensor) and one.dtype == torch.bool for one in found)
    require(are_flags and sum(one.numel() for one in found) == steps, f"clipped is not of {steps} steps")


def require_duration(seconds: float, name: str) -> None:
    """Refuse what cannot be a time that something took."""
    require(math.isfinite(seconds) and seconds >= 0, f"{name} is {seconds:g} s")


def _is_a(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return type(value) in (get_args(hint) or (hint,))


def _brief(value: Any) -> str:
    return str(list(value)) if isinstance(value, torch.Size) else str(value).removeprefix("torch.")
