"""When a step is taken plainly, captured and replayed; CUDA itself is left to a stand-in."""

from collections.abc import Callable

import pytest
import torch

from bench.training.graphs import Captured


class Recorder:
    """Writes down what is asked of it; a capture takes no step, a replay takes one."""

    def __init__(self, step: Callable[[], None], error: RuntimeError | None = None) -> None:
        self.step, self.error, self.asked = step, error, list[str]()

    def warm_up(self, step: Callable[[], None]) -> None:
        self.asked.append("warm up")
        step()

    def capture(self, step: Callable[[], None]) -> None:
        self.asked.append("capture")
        if self.error is not None:
            raise self.error

    def replay(self) -> None:
        self.asked.append("replay")
        self.step()


class Counter:
    """Counts steps."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1


def test_every_call_is_one_step() -> None:
    step = Counter()
    graph = Recorder(step)
    captured = Captured(graph)
    for calls in range(1, 7):
        captured(step)
        assert step.steps == calls
    assert graph.asked == ["warm up"] * 3 + ["capture"] + ["replay"] * 3
    assert captured.reason is None


def test_a_step_that_cannot_be_captured_is_taken_plainly_and_the_reason_kept() -> None:
    step = Counter()
    graph = Recorder(step, RuntimeError("operation not permitted when stream is capturing\nand more"))
    captured = Captured(graph)
    for calls in range(1, 7):
        captured(step)
        assert step.steps == calls
    assert graph.asked == ["warm up"] * 3 + ["capture"]
    assert captured.reason == "operation not permitted when stream is capturing"


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), torch.AcceleratorError("CUDA error: unspecified launch failure")],
    ids=lambda error: type(error).__name__,
)
def test_a_device_in_trouble_is_no_reason_to_go_on(error: RuntimeError) -> None:
    step = Counter()
    captured = Captured(Recorder(step, error))
    for _ in range(3):
        captured(step)
    with pytest.raises(type(error)):
        captured(step)
