"""Training: stochastic gradient ascent on a task's target, whose whole state can be saved and restored."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from bench.device import observations
from bench.learning import parse_learning
from bench.measure.chunk import synchronize
from bench.random import generator_state, restore_generator_state
from bench.results.schema import TrainingRow
from bench.schedules import parse_schedule
from bench.settings import Training
from estimators.base import Estimator
from tasks.base import Data, Task

_ROWS: Final = 200
"""A training is recorded in about this many rows."""


class Diverged(Exception):
    """The objective stopped being finite at `step`."""

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"the objective was {value} at step {step}; a smaller --guide-lr or --model-lr may help")
        self.step = step


@final
class Batches:
    """Minibatches without replacement: every row once per pass, in an order that a seed fixes."""

    def __init__(self, rows: Tensor, size: int) -> None:
        self.rows, self.size = rows, min(size, len(rows))
        self._order = torch.empty(0, dtype=torch.long, device=rows.device)
        self._at = 0

    def next(self) -> Tensor:
        """Return the next batch of stored rows; the whole data set where it is no larger than a batch."""
        if self.size == len(self.rows):
            return self.rows
        if self._at + self.size > len(self._order):
            self._order = torch.randperm(len(self.rows), device=self.rows.device)
            self._at = 0
        chosen = self._order[self._at : self._at + self.size]
        self._at += self.size
        return self.rows[chosen]

    def state(self) -> dict[str, Any]:
        """Return where in which order the batches are."""
        return {"order": self._order, "at": self._at}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._order, self._at = state["order"].to(self.rows.device), state["at"]


@dataclass
class Progress:
    """What a training has done so far. `seconds` counts training only, without evaluation and measurement."""

    step: int = 0
    seconds: float = 0.0


@final
class Trainer:
    """Trains one cell's parameters. Draws come from the global generators, which the caller has seeded."""

    def __init__(self, task: Task, estimator: Estimator, data: Data, settings: Training, samples: int) -> None:
        self.task, self.estimator, self.samples, self.settings = task, estimator, samples, settings
        self.batches = Batches(data.train, settings.batch_size)
        self.device = data.train.device
        schedule = parse_schedule(settings.schedule)
        of_model = parse_schedule(settings.model_schedule) if settings.model_schedule else schedule
        self.schedules = {"guide": schedule, "model": of_model, "estimator": schedule}
        self.learning = parse_learning(settings.learning)
        self._resting = {
            "guide": list(task.model.parameters()),
            "model": list(task.guide.parameters()),
            "both": [],
        }
        self.optimizer = _optimizer(task, estimator, settings)
        self._base = [group["lr"] for group in self.optimizer.param_groups]
        self._sign = -1.0 if task.maximise else 1.0
        self._objectives: list[Tensor] = []
        self.progress = Progress()
        self.rows: list[TrainingRow] = []

    def run(self, until: int) -> Iterator[int]:
        """Train up to step `until`, yielding the step after each recorded row.

        Raises:
            Diverged: the objective is no longer finite; the rows before it are kept.
        """
        every = max(1, self.settings.steps // _ROWS)
        while self.progress.step < until:
            row = min(self.learning.next_row(self.progress.step, every), self.settings.steps)
            stop = min(until, row)
            start = time.perf_counter()
            while self.progress.step < stop:
                self.step()
            synchronize(self.device)
            self.progress.seconds += time.perf_counter() - start
            if self.progress.step == row:
                self._record()
            yield self.progress.step

    def step(self) -> None:
        """Take one training step."""
        self._set_step_sizes()
        x = observations(self.task, self.batches.next())
        estimate = self.estimator.estimate(self.task, x, self.samples)
        loss = self._sign * estimate.surrogate.mean()
        if estimate.auxiliary is not None:
            loss = loss + estimate.auxiliary
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # Without a gradient a parameter rests, and so do its moments.
        for parameter in self._resting[self.learning.updated(self.progress.step)]:
            parameter.grad = None
        self.optimizer.step()
        self.estimator.observe(estimate)
        self._objectives.append(estimate.objective.detach().mean())
        self.progress.step += 1

    def _set_step_sizes(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self._base, strict=True):
            factor = self.schedules[group["name"]].multiplier(self.progress.step, self.settings.steps)
            group["lr"] = base * factor

    def _record(self) -> None:
        """Add a row over the steps since the last one. The only place where a GPU is waited for."""
        objectives = torch.stack(self._objectives).double().cpu()
        self._objectives.clear()
        finite = torch.isfinite(objectives)
        if not bool(finite.all()):
            first = int((~finite).nonzero()[0])
            raise Diverged(self.progress.step - len(objectives) + first, float(objectives[first]))
        n = len(objectives)
        norms = {
            name: _gradient_norm(module) for name, module in (("guide", self.task.guide), ("model", self.task.model))
        }
        rates = {group["name"]: group["lr"] for group in self.optimizer.param_groups}
        self.rows.append(
            TrainingRow(
                step=self.progress.step,
                seconds=self.progress.seconds,
                objective=float(objectives.mean()),
                objective_se=float(objectives.std() / math.sqrt(n)) if n > 1 else math.nan,
                gradient_norm_guide=norms["guide"],
                gradient_norm_model=norms["model"],
                model_lr=rates.get("model", math.nan),
                guide_lr=rates.get("guide", math.nan),
                updated=self.learning.updated_between(self.progress.step - n, self.progress.step),
            )
        )

    def state(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        return {
            "task": self.task.state_dict(),
            "estimator": self.estimator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state(),
            "generators": generator_state(self.device),
            "progress": asdict(self.progress),
            "rows": [asdict(row) for row in self.rows],
            "objectives": list(self._objectives),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.task.load_state_dict(state["task"])
        self.estimator.load_state_dict(state["estimator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.restore(state["batches"])
        self.progress = Progress(**state["progress"])
        self.rows = [TrainingRow(**row) for row in state["rows"]]
        self._objectives = list(state["objectives"])
        restore_generator_state(state["generators"], self.device)


def _optimizer(task: Task, estimator: Estimator, settings: Training) -> torch.optim.Optimizer:
    """Return the optimizer: η for φ and for the estimator's own parameters, ρ for θ."""
    groups = [
        {"name": "guide", "params": list(task.guide.parameters()), "lr": settings.guide_lr},
        {"name": "model", "params": list(task.model.parameters()), "lr": settings.model_lr},
        {"name": "estimator", "params": list(estimator.parameters()), "lr": settings.guide_lr},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, fused=True)
    return torch.optim.SGD(groups, fused=True)


def _gradient_norm(module: torch.nn.Module) -> float:
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients)) if gradients else math.nan
