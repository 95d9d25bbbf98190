"""A training loop finds everything as it left it: parameters, gradients, buffers, modes and random states."""

import functools
import inspect
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import UsageError
from bench.losses.parameters import Tensors


@contextmanager
def kept(loss: Any, tensors: Tensors) -> Iterator[None]:
    """Put back, whatever the body does: tensors and their `.grad`, random states, and the state of modules.

    Modules are those that were given as parameters, and those that the loss names: itself, what it is a method of, and
    the variables of its closure and of its globals. Generators of the user's own are found in the same places.

    Raises:
        UsageError: the loss calls `backward`, or changes a parameter.
    """
    named = list(_named(loss))
    modules = list(dict.fromkeys([*tensors.modules, *(one for one in named if isinstance(one, nn.Module))]))
    generators = [one for one in named if isinstance(one, torch.Generator)]
    values = list(dict.fromkeys([*tensors.named.values(), *(value for one in modules for value in one.parameters())]))
    states = [(generator, generator.get_state()) for generator in generators]
    ours, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 - a loss may draw from the old one
    devices = [tensors.device] if tensors.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices), torch.enable_grad(), _values(values), ExitStack() as stack:
            for module in modules:
                stack.enter_context(_state(module))
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002 - likewise
        for generator, state in states:
            generator.set_state(state)


@contextmanager
def _values(values: Sequence[Tensor]) -> Iterator[None]:
    """Put back tensors and their gradients, which are aside meanwhile."""
    gradients = [value.grad for value in values]
    before = [(value.detach().clone(), value._version) for value in values]
    for value in values:
        value.grad = None
    trouble: list[str] = []
    try:
        yield
    except UsageError as error:
        _put_back(values, gradients, before, trouble)
        if trouble:
            # What it does beside is said before what it returns.
            raise UsageError(trouble[0]) from error
        raise
    except BaseException:
        _put_back(values, gradients, before, trouble)
        raise
    _put_back(values, gradients, before, trouble)
    if trouble:
        raise UsageError(trouble[0])


def _put_back(
    values: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    before: Sequence[tuple[Tensor, int]],
    trouble: list[str],
) -> None:
    """Make tensors and their gradients what they were, and add what was done to them."""
    for value, gradient, (content, version) in zip(values, gradients, before, strict=True):
        if value.grad is not None:
            trouble.append("the loss calls backward itself: let it only return its value")
        if value._version != version:
            trouble.append("the loss changes a parameter: keep the optimizer's step, and the like, out of it")
            with torch.no_grad():
                value.copy_(content)
        value.grad = gradient


@contextmanager
def _state(module: nn.Module) -> Iterator[None]:
    """Put back the buffers and the modes of a module and of all in it."""
    parts = list(module.modules())
    modes = [part.training for part in parts]
    buffers = [
        (part, name, buffer, None if buffer is None else buffer.clone())
        for part in parts
        for name, buffer in part._buffers.items()
    ]
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
        for part, name, buffer, content in buffers:
            part._buffers[name] = buffer
            if buffer is not None and content is not None and not torch.equal(buffer, content):
                # By `data`, so that a graph of the user's that has saved it is not told.
                buffer.data.copy_(content)


def _named(loss: Any) -> Iterator[Any]:
    """Give what a callable names, as far as one can look: a function may keep anything anywhere."""
    yield loss
    while isinstance(loss, functools.partial):
        yield from (*loss.args, *loss.keywords.values())
        loss = loss.func
    owner = getattr(loss, "__self__", None)
    yield owner
    function = getattr(loss, "__func__", loss)
    if not inspect.isfunction(function):
        return
    variables = inspect.getclosurevars(function)
    yield from (*variables.nonlocals.values(), *variables.globals.values(), *(function.__defaults__ or ()))
