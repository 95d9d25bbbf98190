"""What a capture that fails leaves behind; CUDA is left to stand-ins that keep its rules of capturing."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from bench.training.graphs import Captured, CudaGraph

GPU = torch.device("cuda")


class State:
    """What a CUDA generator draws from, and whether a capture has marked it."""

    def __init__(self, offset: int) -> None:
        self.offset, self.capturing = offset, False


class Generator:
    def __init__(self, _device: Any = None) -> None:
        self.of = State(0)

    def draw(self) -> int:
        if self.of.capturing:
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")
        self.of.offset += 4
        return self.of.offset

    def clone_state(self) -> "Generator":
        other = Generator()
        other.of = State(self.of.offset)
        return other

    def graphsafe_set_state(self, other: "Generator") -> None:
        self.of = other.of


class Lane:
    """A stream of the device."""

    def wait_stream(self, _other: object) -> None:
        pass


class Stream:
    """An `OwnStream` of one stand-in."""

    def __init__(self) -> None:
        self.made = Generator()

    def generator(self, _device: torch.device) -> Generator:
        return self.made

    def state(self) -> int:
        return self.made.of.offset

    def renew(self, state: int) -> None:
        self.made = Generator()
        self.made.of.offset = state


class Cuda:
    """The device: which stream is the current one, and which generators there are."""

    def __init__(self) -> None:
        self.default = Generator()
        self.default_stream = Lane()
        self.current: object = self.default_stream
        self.graphs: list[Any] = []

    @contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before


class Graph:
    def __init__(self) -> None:
        self.registered: list[Generator] = []
        self.was_reset = False

    def register_generator_state(self, generator: Generator) -> None:
        self.registered.append(generator)

    def reset(self) -> None:
        self.was_reset = True


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    device = Cuda()

    def made() -> Graph:
        device.graphs.append(Graph())
        return device.graphs[-1]

    @contextmanager
    def capturing(graph: Graph, stream: Any) -> Iterator[None]:
        # As `torch.cuda.graph` did before 2.13: where the body raises, marks stay, and so does the stream.
        device.current = stream
        states = [generator.of for generator in (*graph.registered, device.default)]
        for state in states:
            state.capturing = True
        yield
        for state in states:
            state.capturing = False

    class Side:
        def __init__(self, *_: Any) -> None:
            pass

        def wait_stream(self, _other: object) -> None:
            pass

    monkeypatch.setattr(torch.cuda, "CUDAGraph", made)
    monkeypatch.setattr(torch.cuda, "Stream", Side)
    monkeypatch.setattr(torch.cuda, "graph", capturing)
    monkeypatch.setattr(torch.cuda, "stream", device.stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: device.current)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "default_generators", (device.default,))
    return device


def test_a_failed_capture_leaves_stream_and_generators_usable(cuda: Cuda) -> None:
    stream = Stream()
    cuda.default.draw()
    stream.made.draw()

    def step() -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        CudaGraph([stream], GPU).capture(step)  # pyright: ignore[reportArgumentType]
    assert cuda.current is cuda.default_stream
    assert cuda.graphs[0].was_reset
    # They go on where they were before.
    assert (cuda.default.draw(), stream.made.draw()) == (8, 8)


def test_a_capture_that_holds_leaves_them_as_they_are(cuda: Cuda) -> None:
    stream = Stream()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CudaGraph([stream], GPU).capture(lambda: None)  # pyright: ignore[reportArgumentType]
    assert cuda.current is cuda.default_stream
    assert (cuda.default.draw(), stream.made.draw()) == (4, 4)
    assert cuda.graphs[0].registered == [stream.made]


def test_training_goes_on_plainly_after_it(cuda: Cuda) -> None:
    stream = Stream()
    taken: list[int] = []

    def step() -> None:
        taken.append(stream.made.draw())

    captured = Captured(CudaGraph([stream], GPU))  # pyright: ignore[reportArgumentType]
    for _ in range(6):
        captured(step)
    # A draw of a marked generator is what fails here.
    assert captured.reason is not None
    assert taken == [4, 8, 12, 16, 20, 24]
