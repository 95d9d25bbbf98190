"""A Pyro program with its parameters: run with those that are given, and with its sites in other hands."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import inspect
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any, Final, final

import pyro
import torch
from pyro.infer import is_validation_enabled
from pyro.infer.autoguide import AutoGuide
from pyro.nn import PyroModule
from pyro.nn.module import _Context
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _DIM_ALLOCATOR, _PYRO_STACK
from pyro.poutine.subsample_messenger import SubsampleMessenger
from torch import Tensor, nn
from torch.distributions import transform_to
from torch.func import functional_call

_OF_MODULE: Final = "$$$"
"""What Pyro puts between the name of a module and that of its parameter."""

_STORE: Final = pyro.get_param_store()


class Misfit(ValueError):
    """A program cannot be a task; the message says which site, plate or parameter is in the way."""


@final
class Program:
    """A model or a guide as somebody wrote it, shared by all copies of a task.

    Its parameters are found by a run, unconstrained as Pyro's optimizers see them: those of `pyro.param`, of networks
    given to `pyro.module`, and of a `PyroModule`. Where Pyro's store has a value already, that is where one starts.

    Args:
        what: `model` or `guide`.
        function: the program.
        args: what it is called with.
        handlers: what is done at its sites in that first run.

    Attributes:
        start: initial values of its parameters by name, detached.
        origin: what each is to Pyro: a network's own parameter, or a name.
    """

    def __init__(self, what: str, function: Callable[..., Any], args: Sequence[Any], *handlers: Messenger) -> None:
        if not callable(function):
            raise Misfit(f"the {what} is a {type(function).__name__}, which cannot be called")
        if isinstance(function, AutoGuide):
            raise Misfit(f"the {what} is an {type(function).__name__}, whose sites are not the model's: write it out")
        self.what, self.function = what, function
        self.constraints: dict[str, Any] = {}
        self._networks = _Networks()
        self._key_of: dict[int, str] = {}
        self._inside: dict[str, str] = {}
        self.start: dict[str, Tensor] = {}
        self.origin: dict[str, int | str] = {}
        owner = function if isinstance(function, PyroModule) else getattr(function, "__self__", None)
        if isinstance(owner, PyroModule):
            self._register("", owner)
        with torch.no_grad():
            self.run(self.start, args, *handlers, _Collect(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Program":
        return self

    def run(self, values: Mapping[str, Tensor], args: Sequence[Any], *handlers: Messenger) -> None:
        """Run the program; handlers come last to a site, the first of them at the very end.

        Args:
            values: of its parameters, unconstrained, by name.
            args: what it is called with.
            handlers: what is done at its sites.
        """
        with within(Around()), _own_parameters(), ExitStack() as stack:
            for handler in (_Answer(self, values), *handlers):
                stack.enter_context(handler)
            # A copy of the networks would not be the one that the program calls.
            inside = {path: values[key] for path, key in self._inside.items() if key in values}
            if inside:
                functional_call(self._networks, inside, (self.function, args))
            else:
                self.function(*args)

    def place(self, error: BaseException) -> str:
        """Return where in the program's file an error was raised, in brackets; empty where that is elsewhere."""
        try:
            own = inspect.getsourcefile(_written(self.function))
        except TypeError:
            return ""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
        return f" ({frames[-1].filename.rpartition('/')[2]}, line {frames[-1].lineno})" if frames else ""

    def drop(self, names: Iterable[str]) -> None:
        """Leave out parameters that the program does not use, so that they stay what they are."""
        dropped = set(names)
        self.start = {key: value for key, value in self.start.items() if key not in dropped}
        self._inside = {path: key for path, key in self._inside.items() if key not in dropped}

    def _register(self, name: str, module: nn.Module) -> None:
        """Take a network's parameters, once."""
        trained = {path: value for path, value in module.named_parameters() if value.requires_grad}
        if all(id(value) in self._key_of for value in trained.values()):
            return
        slot = f"network{len(self._networks._modules)}"
        for path, value in trained.items():
            if id(value) in self._key_of:
                continue
            key = _key(f"{name}.{path}" if name else path)
            self._key_of[id(value)] = key
            self._inside[f"{slot}.{path}"] = key
            self.start[key], self.origin[key] = value.detach().clone(), id(value)
        self._networks.add_module(slot, module)

    def _add(self, name: str, start: Any, constraint: Any) -> None:
        if name in _STORE:
            start = _STORE[name]
        if start is None:
            raise Misfit(f"parameter '{name}' of the {self.what} has no initial value: write pyro.param('{name}', …)")
        value = start() if callable(start) else start
        if not isinstance(value, Tensor):
            value = torch.tensor(value, dtype=torch.get_default_dtype())
        self.constraints[name] = constraint
        self.start[_key(name)], self.origin[_key(name)] = transform_to(constraint).inv(value.detach()).clone(), name


@final
class _Answer(Messenger):
    """Answers `pyro.param` with the values that are given."""

    def __init__(self, program: Program, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.program, self.values = program, values

    def _pyro_param(self, msg: Any) -> None:
        name = msg["name"]
        if msg["done"] or not _is_statement(msg):
            return
        if _OF_MODULE in name:
            # The network holds what it is to be run with.
            msg["value"] = msg["args"][1]
        elif name in self.program.constraints:
            msg["value"] = transform_to(self.program.constraints[name])(self.values[_key(name)])
            # Where a plate takes some rows of it, Pyro notes that on the leaf.
            msg["value"]._pyro_unconstrained_param = msg["value"]
        else:
            raise Misfit(f"parameter '{name}' of the {self.program.what} was not there in the first run")
        msg["done"] = True


@final
class _Collect(Messenger):
    """Finds the parameters of a program."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program

    def _pyro_param(self, msg: Any) -> None:
        name, start = msg["name"], [*msg["args"][1:], None][0]
        if not _is_statement(msg):
            # A `PyroModule` says which of its own values it uses.
            owner = _caller(PyroModule.__getattr__.__code__)["self"]
            self.program._register(owner._pyro_name, owner)
        elif _OF_MODULE in name:
            # The message names a parameter, and not the network that it is of.
            self.program._register(name.partition(_OF_MODULE)[0], _caller(pyro.module.__code__)["nn_module"])
        elif name not in self.program.constraints:
            self.program._add(name, start, msg["kwargs"]["constraint"])


@final
class _Networks(nn.Module):
    """The networks that a program calls."""

    def forward(self, function: Callable[..., Any], args: Sequence[Any]) -> None:
        function(*args)


def _key(name: str) -> str:
    return name.replace(".", "_")


def _is_statement(msg: Any) -> bool:
    """Return whether it is `pyro.param`, or part of `pyro.module`."""
    return getattr(msg["fn"], "__self__", None) is _STORE


def _caller(code: CodeType) -> dict[str, Any]:
    """Return the local variables of the function that is being run with this code."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    assert frame is not None
    return frame.f_locals


@dataclass(frozen=True)
class Around:
    """What stands around a statement: handlers, and the dimensions that their plates have taken."""

    handlers: tuple[Messenger, ...] = ()
    dims: tuple[Any, ...] = ()


def around() -> Around:
    """Return what stands around the statement that is run next."""
    return Around(tuple(_PYRO_STACK), tuple(_DIM_ALLOCATOR._stack))


@contextmanager
def within(outer: Around) -> Iterator[None]:
    """Let this stand around what is run, and nothing else.

    A task may be run within a Pyro program, which is to see none of the task's own statements.
    """
    before = around()
    _PYRO_STACK[:], _DIM_ALLOCATOR._stack[:] = outer.handlers, outer.dims
    try:
        yield
    finally:
        _PYRO_STACK[:], _DIM_ALLOCATOR._stack[:] = before.handlers, before.dims


@contextmanager
def _own_parameters() -> Iterator[None]:
    """Let each `PyroModule` use the parameters that it holds, and not those of Pyro's store."""
    # Those that were made under the other setting lack this.
    _Context.param_state = {"params": {}, "constraints": {}}
    try:
        with pyro.settings.context(module_local_params=True), warnings.catch_warnings():
            # Without derivatives no parameter of a network requires a gradient.
            warnings.filterwarnings("ignore", ".*was not registered in the param store", UserWarning)
            yield
    finally:
        del _Context.param_state


def _written(function: Any) -> Any:
    """Return what has source code."""
    while isinstance(function, partial):
        function = function.func
    return type(function) if isinstance(function, nn.Module) else function


@contextmanager
def plates_of(rows: Mapping[str, Tensor]) -> Iterator[None]:
    """Let plates take the rows that are given, by the plate's name, however many they would draw themselves."""
    original = SubsampleMessenger._subsample

    def subsample(
        name: str, size: Any = None, subsample_size: Any = None, subsample: Any = None, *rest: Any, **named: Any
    ) -> Any:
        if name in rows:
            return original(name, size, None, rows[name], *rest, **named)
        return original(name, size, subsample_size, subsample, *rest, **named)

    SubsampleMessenger._subsample = staticmethod(subsample)
    try:
        yield
    finally:
        SubsampleMessenger._subsample = staticmethod(original)


@contextmanager
def of_type(like: Tensor) -> Iterator[None]:
    """Let tensors that a program makes have the type and the device of `like`; and without Pyro's validation.

    Validation looks at values, which cannot be done within `torch.func.vmap`.
    """
    before, validated = torch.get_default_dtype(), is_validation_enabled()
    torch.set_default_dtype(like.dtype)
    try:
        with pyro.validation_enabled(False):
            if like.device.type == "cpu":
                yield
            else:
                with like.device:
                    yield
    finally:
        assert is_validation_enabled() == validated
        torch.set_default_dtype(before)
