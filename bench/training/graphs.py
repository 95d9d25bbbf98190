"""A training step as one CUDA graph: launched as a whole, it costs the CPU one call instead of hundreds."""

import warnings
from collections.abc import Callable, Sequence
from typing import Final, Protocol, final

import torch

from bench.errors import headline
from bench.machine.lost import is_of_machine
from bench.machine.streams import OwnStream

_WARM_UP: Final = 3
"""Steps before the capture, on a stream of their own: libraries allocate their workspaces, Adam its moments."""

Step = Callable[[], None]
"""Takes one step in place: it reads and writes the same tensors at every call."""


class Graph(Protocol):
    """What `Captured` needs of a graph."""

    def warm_up(self, step: Step) -> None:
        """Take a step outside of a graph, where it can be captured afterwards."""

    def capture(self, step: Step) -> None:
        """Record a step without taking it. Raises RuntimeError where it does what a graph cannot hold."""

    def replay(self) -> None:
        """Take the recorded step."""


@final
class Captured:
    """Takes steps plainly at first, and then by replaying a graph, or plainly for good where none can be captured.

    Every call is one step, so that nothing has to be undone. The step is told at each call and not kept: whoever takes
    it holds on to this, and a circle of the two would keep a graph's memory until the collector finds it.

    Attributes:
        reason: why steps are taken plainly for good, or None.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._taken, self._captured = 0, False
        self.reason: str | None = None

    def __call__(self, step: Step) -> None:
        """Take one step, the same at each call."""
        if self._taken == _WARM_UP and self.reason is None and not self._captured:
            self._capture(step)
        if self._captured:
            self._graph.replay()
        elif self.reason is None:
            self._taken += 1
            self._graph.warm_up(step)
        else:
            step()

    def _capture(self, step: Step) -> None:
        try:
            self._graph.capture(step)
        except RuntimeError as error:
            if is_of_machine(error):
                raise
            self.reason = headline(error)
        else:
            self._captured = True


@final
class CudaGraph:
    """A graph on a CUDA device that draws from given streams, and moves them on at every replay."""

    def __init__(self, streams: Sequence[OwnStream], device: torch.device) -> None:
        self._streams = streams
        self._index = torch.cuda.current_device() if device.index is None else device.index
        self._graph = torch.cuda.CUDAGraph()
        self._side = torch.cuda.Stream(device)
        with warnings.catch_warnings():
            # A PyTorch that registers generators by itself says so.
            warnings.simplefilter("ignore")
            for stream in streams:
                self._graph.register_generator_state(stream.generator(device))

    def warm_up(self, step: Step) -> None:
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            step()
        torch.cuda.current_stream().wait_stream(self._side)

    def capture(self, step: Step) -> None:
        before = [stream.state() for stream in self._streams]
        default = torch.cuda.default_generators[self._index]
        # A state of its own: a capture marks the state that it finds.
        unmarked = default.clone_state()
        try:
            # A capture that fails leaves its stream the current one; the outer context puts that right.
            with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(self._graph, stream=self._side):
                step()
        except RuntimeError:
            self._graph.reset()
            # A generator may stay in the state of being captured, PyTorch's own before 2.13 too.
            default.graphsafe_set_state(unmarked)
            for stream, state in zip(self._streams, before, strict=True):
                stream.renew(state)
            raise

    def replay(self) -> None:
        self._graph.replay()
