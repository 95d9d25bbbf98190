"""Stand-ins for what PyTorch asks of a GPU beyond operations: its memory, its clock, its generators, its graphs.

Tensors of the GPU are fake, those of the CPU real: what decides how a cell goes on, counts and clocks, is as ever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, final

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._pytree import tree_map_only

from tests.gpu.watch import Watch, downloaded

_BYTES: Final = 1 << 30


@final
class Lane:
    """A stream of the device."""

    def __init__(self, *_: object) -> None:
        pass

    def wait_stream(self, _other: object) -> None:
        pass


@final
class Graph:
    """A CUDA graph. What it would hold is done when it is captured, and a replay does nothing.

    Attributes:
        replays: of all graphs.
    """

    replays = 0

    def __init__(self) -> None:
        self._is_captured = False

    def register_generator_state(self, generator: torch.Generator) -> None:
        assert isinstance(generator, torch.Generator)

    @contextmanager
    def capturing(self, watch: Watch) -> Iterator[None]:
        before, watch.stage = watch.stage, "capture"
        try:
            yield
        finally:
            watch.stage = before
        self._is_captured = True

    def replay(self) -> None:
        assert self._is_captured
        Graph.replays += 1


def install(watch: Watch) -> None:
    """Put them in place for the rest of this process."""
    torch.autograd.set_multithreading_enabled(False)
    # `torch.tensor(numbers, device="cuda")` asks for the copy where a mode sees it.
    torch._C._set_only_lift_cpu_tensors(True)
    default = torch.Generator("cuda")

    @contextmanager
    def entered(*_: object) -> Iterator[None]:
        yield

    of_cuda: dict[str, Any] = {
        "is_available": lambda: True,
        "current_device": lambda: 0,
        "get_device_name": lambda *_: "fake",
        "synchronize": lambda *_: None,
        "empty_cache": lambda: None,
        "memory_allocated": lambda *_: 0,
        "memory_reserved": lambda *_: 0,
        "max_memory_allocated": lambda *_: _BYTES >> 10,
        "reset_peak_memory_stats": lambda *_: None,
        "mem_get_info": lambda *_: (_BYTES, _BYTES),
        "get_per_process_memory_fraction": lambda *_: 1.0,
        "default_generators": (default,),
        "get_rng_state": lambda *_: default.get_state(),
        "set_rng_state": lambda state, *_: default.set_state(state),
        "manual_seed": default.manual_seed,
        "device": entered,
        "stream": entered,
        "current_stream": Lane,
        "Stream": Lane,
        "CUDAGraph": Graph,
        "graph": lambda graph, stream: graph.capturing(watch),
    }
    for name, value in of_cuda.items():
        setattr(torch.cuda, name, value)
    torch.save, torch.load = _saving(torch.save), _loading(torch.load)
    nn.Module._apply = _apply
    FakeTensor.__deepcopy__ = _deepcopy


def _saving(save: Callable[..., None]) -> Callable[..., None]:
    def saved(content: object, stream: IO[bytes]) -> None:
        with unset_fake_temporarily():
            save(tree_map_only(Tensor, downloaded, content), stream)

    return saved


def _loading(load: Callable[..., Any]) -> Callable[..., Any]:
    def loaded(*arguments: Any, **options: Any) -> Any:
        with unset_fake_temporarily():
            return load(*arguments, **options)

    return loaded


def _apply(self: nn.Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """Apply a function with new parameters; PyTorch's own swaps fake tensors for others, but not all."""
    for module in self.modules() if recurse else [self]:
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = nn.Parameter(fn(value.detach()), value.requires_grad)
        for name, value in module._buffers.items():
            if value is not None:
                module._buffers[name] = fn(value)
    return self


def _deepcopy(self: FakeTensor, memo: dict[int, Any]) -> Tensor:
    """Return a fake tensor of the same kind; PyTorch's own copy of one crashes the interpreter later."""
    with torch.no_grad():
        new: Tensor = self.detach().clone()
    if isinstance(self, nn.Parameter):
        new = nn.Parameter(new, self.requires_grad)
    memo[id(self)] = new
    return new
