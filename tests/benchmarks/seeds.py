"""Training many seeds: stacked, in one step for all, and one after the other by plain autograd."""

from collections.abc import Callable

import torch

from bench.machine.device import synchronize
from bench.machine.matmul import onednn_pays
from bench.machine.streams import OwnStream
from bench.settings import Training
from bench.training.stack import Stack
from bench.training.trainer import Trainer
from tests.benchmarks.contest import multiplied
from tests.benchmarks.replicates import Point
from tests.benchmarks.training import STEP_SIZE


def trainers(point: Point, seeds: int) -> list[Trainer]:
    """Return a training per seed; from the same parameters, which takes nothing off the work."""
    device, found = torch.device(point.device), []
    for seed in range(seeds):
        task, estimator, _ = point.build()
        settings = Training(10**9, point.batch, "adam", STEP_SIZE, STEP_SIZE, "constant")
        stream = OwnStream(device, seed, "training")
        found.append(Trainer(task, estimator, task.load().to(device), settings, point.samples, stream))
    return found


def stacked(point: Point, seeds: int) -> Callable[[int], Callable[[], None]]:
    """Return what makes the work of so many steps of one seed each, all seeds in one step."""

    def make(count: int) -> Callable[[], None]:
        stack, until = Stack(trainers(point, seeds)), 0
        by_onednn = onednn_pays(stack.trainers[0].task, point.batch * point.samples)

        def work() -> None:
            nonlocal until
            until += max(1, count // seeds)
            for _ in stack.run(until):
                pass

        return multiplied(work, by_onednn)

    return make


def separate(point: Point, seeds: int) -> Callable[[int], Callable[[], None]]:
    """Return the same with every seed by itself."""

    def make(count: int) -> Callable[[], None]:
        alone = trainers(point, seeds)

        def work() -> None:
            for trainer in alone:
                for _ in range(max(1, count // seeds)):
                    trainer.step()
            synchronize(torch.device(point.device))

        return multiplied(work, onednn_pays(alone[0].task, point.batch * point.samples))

    return make
