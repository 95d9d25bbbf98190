"""Training steps of ours: as `bench run` takes them, and the same arithmetic in a bare loop, without the harness.

All multiply matrices as `bench run` does.
"""

from collections.abc import Callable

import torch

from bench.machine.matmul import onednn_pays
from bench.settings import Training
from bench.training.trainer import Trainer
from estimators.pathwise.reparam import Reparam
from tasks.images.vae import VAEMnist
from tests.benchmarks.contest import multiplied

BATCH, STEP_SIZE = 100, 1e-3


def trainer() -> Trainer:
    """Return a training of `vae-mnist` with the pathwise estimator, as long as the task's default."""
    torch.manual_seed(0)
    task = VAEMnist(data="5k")
    data = task.load()
    task.initialise(data)
    settings = Training(task.defaults.steps, BATCH, "adam", STEP_SIZE, STEP_SIZE, "constant")
    return Trainer(task, Reparam(), data, settings, 1)


def repeated(step: Callable[[], object], count: int) -> Callable[[], None]:
    """Return the work of taking `count` steps."""

    def work() -> None:
        for _ in range(count):
            step()

    return work


def steps(count: int) -> Callable[[], None]:
    """Return `count` steps of ours."""
    training = trainer()
    return multiplied(repeated(training.step, count), onednn_pays(training.task, BATCH))


def runs(count: int) -> Callable[[], None]:
    """Return `count` steps with all that `bench run` does besides: the clock, rows of what the training does."""
    return run_on(trainer(), count)


def run_on(training: Trainer, count: int) -> Callable[[], None]:
    """Return `count` further steps of a training, recorded."""

    def work() -> None:
        for _ in training.run(training.progress.step + count):
            pass

    return multiplied(work, onednn_pays(training.task, BATCH))


def bare_steps(count: int) -> Callable[[], None]:
    """Return `count` steps of the same batches, estimates, backward passes and optimizer, and nothing else."""
    return bare_on(trainer(), count)


def bare_on(training: Trainer, count: int) -> Callable[[], None]:
    """Return `count` further steps of a training, of which it learns nothing."""
    optimizer, parameters = training.optimizer, list(training.task.parameters())

    def step() -> None:
        loss, _ = training.loss(training.batches.next())
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        optimizer.step()

    return multiplied(repeated(step, count), onednn_pays(training.task, BATCH))
