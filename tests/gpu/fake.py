"""Gradients on fake CUDA tensors: `python -m tests.gpu.fake FOLDER PAIRS`, in JSON the estimators by task.

Fake tensors follow shapes, types and devices, so that a constant on the CPU among them is an error as on a GPU. It
prints a line of JSON for each pair that fits. The folder is where the stand-in of a driver is built.
"""

import sys
from pathlib import Path

from tests.gpu import driver

if __name__ == "__main__":
    driver.load(Path(sys.argv[1]))

import json
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeVar, final

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule

from bench.machine.device import observations
from bench.machine.streams import Stream
from bench.measure.replicates import Replicator
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import parse_spec
from bench.training import trace
from bench.training.loss import Loss
from estimators.base import Estimator, Unfit
from estimators.distributions import Unsupported, without_validation
from tasks.base import Data, Task
from tests.gpu.watch import OURS, Watch, aten, laid

M = TypeVar("M", bound=nn.Module)

GPU: Final = torch.device("cuda")
SEEDS: Final = 2


@dataclass
class Found:
    """What came of a pair.

    Attributes:
        errors: by stage (`step`, `vmap`, `trace`, `replay`).
        waits: what a plain step has waited for.
        captured: what a replayed program waits for or copies between devices, beyond constants.
        strides: gradients of a program that do not lie in memory as their parameters do.
        operations: on CUDA tensors.
    """

    task: str
    estimator: str
    errors: dict[str, str] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)
    captured: list[str] = field(default_factory=list)
    strides: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)


@final
class FakeStream(Stream):
    """Streams need generators of a device that is not there; draws of fake tensors need none."""

    def generator(self, device: torch.device) -> None:
        return None

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        pass


@contextmanager
def unseeded(device: torch.device, *purpose: object) -> Iterator[None]:
    yield


def moved(module: M) -> M:
    """Move parameters and buffers to the GPU as `Module.to` does, which swaps fake tensors for others, but not all."""
    for one in module.modules():
        for name, value in one._parameters.items():
            if value is not None:
                one._parameters[name] = nn.Parameter(value.detach().to(GPU), value.requires_grad)
        for name, value in one._buffers.items():
            if value is not None:
                one._buffers[name] = value.to(GPU)
    return module


def short(error: Exception) -> str:
    frames = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if any(part in frame.filename for part in OURS) and "site-packages" not in frame.filename
    ]
    said = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__} at {frames[-1] if frames else '?'}: {said[:150]}"


@final
class Pair:
    """An estimator on a task on the GPU that is not there."""

    def __init__(self, task: Task, estimator: Estimator, rows: Tensor, samples: int, watch: Watch) -> None:
        self.task, self.estimator, self.samples, self.watch = moved(task), moved(estimator), samples, watch
        self.rows = rows.to(GPU)
        self.loss: Loss = Loss(task, estimator, samples)

    def step(self) -> None:
        """Take a plain step but for the optimizer's part."""
        value, estimate = self.loss(self.rows)
        assert value.device.type == "cuda", value.device
        value.backward()
        for parameter in self.loss.parameters():
            assert parameter.grad is None or parameter.grad.device.type == "cuda"
            parameter.grad = None
        self.estimator.observe(estimate)

    def vmap(self) -> None:
        """Draw replicates at once."""
        Replicator(self.task, self.estimator, self.samples).draw(observations(self.task, self.rows), 3)

    def trace(self, found: Found) -> None:
        """Trace the step of several seeds, and run the program as a capture does."""
        named = dict(self.loss.named_parameters()) | dict(self.loss.named_buffers())
        stacked = {name: torch.stack([value.detach()] * SEEDS) for name, value in named.items()}
        names = {name for name, value in self.loss.named_parameters() if value.requires_grad}
        trained = {name: value for name, value in stacked.items() if name in names}
        fixed = {name: value for name, value in stacked.items() if name not in names}
        rows = torch.stack([self.rows] * SEEDS)
        program = trace.trace_step(self.loss, trained, fixed, rows, [FakeStream() for _ in range(SEEDS)])
        found.captured += copies(program)
        self.watch.stage = "replay"
        gradients, _, _ = program(trained, fixed, rows)
        found.strides += [
            f"{name}: {value.stride()} for {trained[name].stride()}"
            for name, value in gradients.items()
            if laid(value) != laid(trained[name]) or value.dtype != trained[name].dtype
        ]


def copies(program: GraphModule) -> list[str]:
    """Return the copies between devices in a program, but for constants, which become one on the GPU when traced there.

    `torch.tensor(numbers, device="cuda")` is lifted after it was moved, outside of fake tensors.
    """
    found = []
    for node in program.graph.nodes:
        if node.target is aten._to_copy.default and node.kwargs.get("device") is not None:
            source = node.args[0]
            meta = source.meta.get("val", source.meta.get("tensor_meta"))
            is_lifted = source.target in (aten.lift_fresh_copy.default, aten.lift_fresh.default)
            if not is_lifted and getattr(getattr(meta, "device", None), "type", "cpu") != "cuda":
                found.append(f"copy of {source.name}")
    return found


def tried(task_name: str, estimator_name: str, data: Data) -> Found | None:
    """Return what came of a pair; None where the estimator does not fit."""
    task, estimator = TASKS.build(parse_spec(task_name)), ESTIMATORS.build(parse_spec(estimator_name))
    task.initialise(data)
    rows = data.train[:4]
    samples = max(2, estimator.minimum_samples)
    try:
        estimator.require(task, observations(task, rows), samples)
    except (Unfit, Unsupported):
        return None
    estimator.prepare(task, observations(task, rows))
    estimator.to(next(task.parameters()).dtype)
    found, watch = Found(task_name, estimator_name), Watch()
    with FakeTensorMode(allow_non_fake_inputs=True), watch, without_validation():
        pair = Pair(task, estimator, rows, samples, watch)
        stages: dict[str, Callable[[], None]] = {
            "step": pair.step,
            "vmap": pair.vmap,
            "trace": lambda: pair.trace(found),
        }
        for watch.stage, work in stages.items():
            try:
                work()
            except Exception as error:
                found.errors[watch.stage] = short(error)
    found.waits = [f"{kind} {at}" for stage, kind, at in watch.events if stage == "step" and kind != "cpu->cuda"]
    # What is copied to the GPU in tracing and is not in the program as a copy is a constant.
    found.captured += [f"{kind} {at}" for stage, kind, at in watch.events if stage == "replay" and kind != "cpu->cuda"]
    found.operations = sorted(name for name, count in watch.operations.items() if count)
    return found


def main(pairs: str) -> None:
    """Print what comes of each pair."""
    warnings.simplefilter("ignore")
    torch.autograd.set_multithreading_enabled(False)
    trace.seeded = unseeded  # pyright: ignore[reportPrivateImportUsage]
    for task, estimators in json.loads(pairs).items():
        data = TASKS.build(parse_spec(task)).load()
        for estimator in estimators:
            found: Any = tried(task, estimator, data)
            if found is not None:
                print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    main(sys.argv[2])
