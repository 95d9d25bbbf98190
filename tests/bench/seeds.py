"""Trainers of several seeds, alone and stacked, that the tests of batched training share."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from bench.machine.device import CPU, observations
from bench.machine.streams import OwnStream, Stream, seeded
from bench.names.building import build_estimator, build_task
from bench.names.spec import parse_spec
from bench.settings import Training
from bench.training.stack import Stack
from bench.training.trainer import Trainer


def settings(**changes: Any) -> Training:
    return Training(**{**asdict(Training(20, 6, "adam", 1e-2, 1e-2, "robbins-monro")), **changes})


def trainer(
    task: str, estimator: str, seed: int, training: Training, stream: Stream | None = None, device: torch.device = CPU
) -> Trainer:
    """Return a trainer in float64 as a cell of this seed has it, with K = 2."""
    with seeded(CPU, seed, "task"):
        built = build_task(parse_spec(task))
        data = built.load()
        built.initialise(data)
    with seeded(CPU, seed, "estimator"):
        by = build_estimator(parse_spec(estimator), built, observations(built, data.train[:1]))
    return Trainer(built.double().to(device), by.double().to(device), data.to(device), training, 2, stream)


def alone(task: str, estimator: str, seed: int, training: Training, device: torch.device = CPU) -> Trainer:
    """Return a trainer that has been trained by itself."""
    one = trainer(task, estimator, seed, training, device=device)
    with seeded(device, seed, "training"):
        list(one.run(training.steps))
    return one


def stack(task: str, estimator: str, seeds: Sequence[int], training: Training, device: torch.device = CPU) -> Stack:
    """Return trainers of several seeds, stacked."""
    return Stack(
        [trainer(task, estimator, seed, training, OwnStream(device, seed, "training"), device) for seed in seeds]
    )


def state(of: Trainer) -> dict[str, Tensor]:
    return dict(of.loss.state_dict())


def assert_agree(one: Trainer, other: Trainer, rtol: float = 1e-9) -> None:
    """Compare parameters, adaptive state and recorded rows; rounding is 1e-16, and grows along a training."""
    for name, value in state(one).items():
        torch.testing.assert_close(state(other)[name], value, rtol=rtol, atol=rtol, msg=lambda m, n=name: f"{n}: {m}")
    assert len(one.rows) == len(other.rows) > 0
    for left, right in zip(one.rows, other.rows, strict=True):
        numbers = [
            torch.tensor(
                [value for key, value in asdict(row).items() if key != "seconds" and not isinstance(value, str)],
                dtype=torch.float64,
            )
            for row in (left, right)
        ]
        torch.testing.assert_close(numbers[0], numbers[1], rtol=rtol, atol=rtol, equal_nan=True)
        assert (left.updated, left.objective_of) == (right.updated, right.objective_of)
