"""Replicates of a gradient: ours, and the loop of backward passes that one would write instead."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.machine.device import observations, synchronize
from bench.machine.matmul import multiplied_by_onednn, onednn_pays
from bench.measure.chunk import fastest_way
from bench.measure.metrics import variance
from bench.measure.moments import GROUPS, Moments
from bench.measure.replicates import Replicator
from bench.measure.stopping import draw_until
from bench.names.building import build_estimator, build_task
from bench.names.spec import parse_spec
from bench.statistics.intervals import Interval
from estimators.base import Estimator
from tasks.base import Task
from tests.benchmarks.contest import multiplied

FEW = 2 * GROUPS
"""As few replicates as have a variance. They are one chunk: nothing is tuned for them."""


@dataclass(frozen=True)
class Point:
    """Where a gradient is measured: an estimator on a task at its initial parameters, on one batch.

    Matrices are multiplied as `bench run` does, in a loop of backward passes, too.
    """

    task: str
    estimator: str
    batch: int = 1
    samples: int = 1
    device: str = "cpu"

    def build(self) -> tuple[Task, Estimator, Tensor]:
        """Return task, estimator and batch."""
        torch.manual_seed(0)
        task = build_task(parse_spec(self.task))
        data = task.load()
        task.initialise(data)
        task.to(self.device)
        x = observations(task, data.train[: self.batch].to(self.device))
        return task, build_estimator(parse_spec(self.estimator), task, x[:1]), x

    def batched(self, count: int) -> Callable[[], float]:
        """Return the work of measuring the variance from `count` replicates, as `bench run` does."""
        intervals = self.intervals(count)
        return lambda: intervals().value

    def intervals(self, count: int) -> Callable[[], Interval]:
        """Return the same with an interval."""
        task, estimator, x = self.build()
        replicator = Replicator(task, estimator, self.samples)
        by_onednn = onednn_pays(task, self.batch * self.samples)
        # The search is as long as that of a cell with the task's settings, which remembers what it finds.
        served = max(count, task.defaults.checkpoints * task.defaults.replicates_cap)
        with multiplied_by_onednn(by_onednn):
            chunk = fastest_way(replicator, x, served) if count > FEW else count

        def work() -> Interval:
            moments = Moments(replicator.size, x.dtype, x.device)
            for _ in draw_until(moments, replicator, x, chunk, count):
                pass
            return variance(moments.summary(replicator.slices["all"]))

        return multiplied(work, by_onednn)

    def looped(self, count: int) -> Callable[[], float]:
        """Return the same as a loop of backward passes."""
        task, estimator, x = self.build()
        parameters = [parameter for parameter in task.parameters() if parameter.requires_grad]

        def gradients() -> Iterable[list[Tensor]]:
            for _ in range(count):
                task.zero_grad(set_to_none=True)
                estimator(task, x, self.samples).surrogate.mean().backward()
                yield [parameter.grad for parameter in parameters if parameter.grad is not None]

        return multiplied(lambda: total_variance(gradients(), x.device), onednn_pays(task, self.batch * self.samples))


def total_variance(gradients: Iterable[list[Tensor]], device: torch.device) -> float:
    """Return the trace of the covariance of gradients that come one by one, each in pieces.

    The first one is subtracted from all, since a difference of squares of what is far from zero would lose its digits.
    """
    rows = iter(gradients)
    first, count = next(rows), 1
    sums, squares = [torch.zeros_like(g) for g in first], [torch.zeros_like(g) for g in first]
    for gradient in rows:
        shifted = torch._foreach_sub(gradient, first)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_add_(sums, shifted)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_addcmul_(squares, shifted, shifted)  # pyright: ignore[reportPrivateImportUsage]
        count += 1
    spread = sum(float((q - s.square() / count).sum()) for q, s in zip(squares, sums, strict=True))
    synchronize(device)
    return spread / (count - 1)
