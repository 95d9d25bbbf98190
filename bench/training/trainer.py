"""Training: stochastic gradient ascent on a task's target, whose whole state can be saved and restored."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, final

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from bench.machine.device import synchronize
from bench.machine.streams import GlobalStream, Stream
from bench.results.schema import TrainingRow
from bench.settings import Training
from bench.training.batches import Batches
from bench.training.clipping import Clipping, clipping, norm_of
from bench.training.diverged import GREEK, Diverged
from bench.training.divergence import parse_weight
from bench.training.learning import Updated, parse_learning
from bench.training.loss import Loss
from bench.training.optimizers import make_optimizer
from bench.training.restoring import (
    built,
    require,
    require_duration,
    require_flags,
    require_generators,
    require_like,
    require_optimizer,
)
from bench.training.schedules import parse_schedule
from bench.training.tempered import tempered
from estimators.base import Estimator
from estimators.distributions import without_validation
from tasks.base import Data, Task

_ROWS: Final = 200
"""A training is recorded in about this many rows."""

_RESTING: Final[dict[Updated, Literal["guide", "model"] | None]] = {"guide": "model", "model": "guide", "both": None}


@dataclass
class Progress:
    """What a training has done so far.

    Attributes:
        step: steps taken.
        seconds: of training only, without evaluation and measurement; of a step of several seeds, each one's share.
        together: seeds that were trained in one step, this one included.
    """

    step: int = 0
    seconds: float = 0.0
    together: int = 1


@final
class Trainer:
    """Trains one cell's parameters, by itself (`run`) or in one step with others (`bench.training.stack.Stack`).

    Attributes:
        stream: where draws come from; unless another is given, PyTorch's own generators, which the caller has seeded.
        objectives: estimates of the target since the last row.
        clipped: since then, of each step whether its gradient was clipped; empty where none is to be.
    """

    def __init__(
        self,
        task: Task,
        estimator: Estimator,
        data: Data,
        settings: Training,
        samples: int,
        stream: Stream | None = None,
    ) -> None:
        self.task, self.estimator, self.settings = task, estimator, settings
        self.loss = Loss(task, estimator, samples)
        self.weight = parse_weight(settings.kl_warmup)
        self.tempered = None if self.weight is None else Loss(task, estimator, samples, tempered(task, estimator))
        self.batches = Batches(data.train, settings.batch_size)
        self.device = data.train.device
        self.stream = stream or GlobalStream(self.device)
        schedule = parse_schedule(settings.schedule)
        of_model = parse_schedule(settings.model_schedule) if settings.model_schedule else schedule
        self.schedules = {"guide": schedule, "model": of_model, "estimator": schedule}
        self.learning = parse_learning(settings.learning)
        self._groups = _parameter_groups(task, estimator)
        self.optimizer = make_optimizer(self._groups, self.step_sizes(0), settings)
        self.objectives: list[Tensor] = []
        self.clipped: list[Tensor] = []
        self._clipping: Clipping | None = None
        self.progress = Progress()
        self.rows: list[TrainingRow] = []

    @property
    def step_of_next_row(self) -> int:
        """The step after which the next row is due."""
        every = max(1, self.settings.steps // _ROWS)
        regular, last = self.learning.next_row(self.progress.step, every), self.settings.steps
        return last if self.progress.step < last < regular else regular

    def run(self, until: int) -> Iterator[int]:
        """Train up to step `until`, yielding the step after each recorded row.

        Raises:
            Diverged: the objective or the gradient is no longer finite; the rows before that are kept.
        """
        while self.progress.step < until:
            due = self.step_of_next_row
            start = time.perf_counter()
            # What is not finite is a divergence, here as among other seeds, and no argument that a family refuses.
            with without_validation():
                while self.progress.step < min(until, due):
                    self.step()
            synchronize(self.device)
            self.progress.seconds += time.perf_counter() - start
            if self.progress.step == due:
                self.record(self._norms(), self._gradient)
            yield self.progress.step

    @property
    def clipped_share(self) -> float | None:
        """The share of the recorded steps whose gradient was clipped; None where none is to be."""
        if not (self.settings.clip_norm and self.rows):
            return None
        starts = [0, *(row.step for row in self.rows)]
        counts = [row.clipped * (row.step - start) for row, start in zip(self.rows, starts, strict=False)]
        return min(1.0, sum(counts) / self.rows[-1].step)

    def step(self) -> None:
        """Take one training step."""
        self.optimizer.set_step_sizes(self.step_sizes(self.progress.step))
        loss, estimate = self.loss_at(self.progress.step)(self.batches.next())
        self._forget_gradients(*self._groups)
        loss.backward()
        # Without a gradient a parameter rests, and so do its moments.
        if resting := self.resting(self.progress.step):
            self._forget_gradients(resting)
        if self.settings.clip_norm:
            self._clip()
        self.optimizer.step()
        self.estimator.observe(estimate)
        self.objectives.append(estimate.objective.detach().mean())
        self.progress.step += 1

    def _clip(self) -> None:
        """Scale the gradient of φ and θ down to the norm that is asked for; an estimator's own stays as it is."""
        self._clipping = found = clipping({name: self._gradient(name) for name in GREEK}, self.settings.clip_norm)
        if found is None:
            self.clipped.append(torch.zeros((), dtype=torch.bool, device=self.device))
            return
        for part in (part for name in found.norms for part in self._gradient(name)):
            part.mul_(found.of(part))
        self.clipped.append(found.above)

    def beta(self, step: int) -> float:
        """Return β, the weight of the divergence, at a step."""
        return 1.0 if self.weight is None else self.weight.at(step, self.settings.steps)

    def loss_at(self, step: int) -> Loss:
        """Return what a step descends."""
        if self.tempered is None or (beta := self.beta(step)) == 1:
            return self.loss
        self.tempered.weigh(beta)
        return self.tempered

    def _forget_gradients(self, *groups: str) -> None:
        # As `zero_grad` does, which costs 1% of a VAE's step more: it marks itself for profilers.
        for group in groups:
            for parameter in self._groups[group]:
                parameter.grad = None

    def step_sizes(self, step: int) -> dict[str, float]:
        """Return the step size of each parameter group: η for φ and for the estimator's own parameters, ρ for θ."""
        base = {"guide": self.settings.guide_lr, "model": self.settings.model_lr, "estimator": self.settings.guide_lr}
        return {name: size * self.schedules[name].multiplier(step, self.settings.steps) for name, size in base.items()}

    def resting(self, step: int) -> Literal["guide", "model"] | None:
        """Return the parameter group that does not move at a step, or None."""
        return _RESTING[self.learning.updated(step)]

    def _gradient(self, group: str) -> list[Tensor]:
        return [parameter.grad for parameter in self._groups[group] if parameter.grad is not None]

    def _norms(self) -> dict[str, float]:
        """Return the norms of the last step's gradient as it was estimated, by parameter group."""
        if self._clipping is not None:
            return {name: float(self._clipping.norms.get(name, math.nan)) for name in GREEK}
        return {name: gradient_norm(self._gradient(name)) for name in GREEK}

    def record(self, norms: Mapping[str, float], gradient: Callable[[str], Sequence[Tensor]]) -> None:
        """Add a row over the steps since the last one. The only place where a GPU is waited for.

        Args:
            norms: of the last step's gradient in φ (`guide`) and in θ (`model`); NaN where there is none.
            gradient: returns the parts of the last step's gradient in one of them.

        Raises:
            Diverged: an objective since the last row is not finite, or the last step's gradient.
        """
        objectives = torch.cat([value.reshape(-1) for value in self.objectives]).double().cpu()
        self.objectives.clear()
        finite = torch.isfinite(objectives)
        if not bool(finite.all()):
            first = int((~finite).nonzero()[0])
            step = self.progress.step - len(objectives) + first
            raise Diverged(f"the objective was {float(objectives[first])}", _in_training(step), step)
        n, last = len(objectives), self.progress.step - 1
        for group, norm in norms.items():
            # A norm may overflow where its numbers do not.
            if not math.isfinite(norm) and not all(bool(part.isfinite().all()) for part in gradient(group)):
                raise Diverged(f"the gradient in {GREEK[group]} was not finite", _in_training(last), last)
        sizes = self.step_sizes(last)
        trained = {group.name for group in self.optimizer.groups}
        self.rows.append(
            TrainingRow(
                step=self.progress.step,
                seconds=self.progress.seconds,
                objective=float(objectives.mean()),
                objective_se=float(objectives.std() / math.sqrt(n)) if n > 1 else math.nan,
                gradient_norm_guide=norms["guide"],
                gradient_norm_model=norms["model"],
                model_lr=sizes["model"] if "model" in trained else math.nan,
                guide_lr=sizes["guide"] if "guide" in trained else math.nan,
                updated=self.learning.updated_between(self.progress.step - n, self.progress.step),
                objective_of=self.estimator.objective,
                beta=self.beta(last),
                clipped=_share(self.clipped),
            )
        )
        self.clipped.clear()

    def state(self) -> dict[str, Any]:
        """Return everything that the rest of the training depends on."""
        tensors = {
            "task": self.task.state_dict(),
            "estimator": self.estimator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state(),
            "generators": self.stream.state(),
            "objectives": list(self.objectives),
            "clipped": list(self.clipped),
        }
        # Within a stack the tensors are rows of larger ones, which a file would hold as a whole.
        return tree_map_only(Tensor, torch.clone, tensors) | {
            "progress": asdict(self.progress),
            "rows": [dict(vars(row)) for row in self.rows],
        }

    def restore(self, state: Any) -> None:
        """Continue from what `state` returned.

        Raises:
            Unfit: it is no state of this training, which stays as it is.
        """
        progress, rows = self._require_fit(state)
        self.task.load_state_dict(state["task"])
        self.estimator.load_state_dict(state["estimator"])
        self.optimizer.restore(state["optimizer"])
        self.batches.restore(state["batches"])
        self.progress, self.rows = progress, rows
        self.objectives = [value.to(self.device) for value in state["objectives"]]
        self.clipped = [value.to(self.device) for value in state["clipped"]]
        self.stream.restore(state["generators"])

    def _require_fit(self, state: Any) -> tuple[Progress, list[TrainingRow]]:
        """Return what a state holds in plain numbers, once all of the state is known to fit."""
        fresh = self.state()
        require(isinstance(state, dict), "it holds no training")
        for part in fresh:
            require(part in state, f"{part} is missing")
        for part in ("task", "estimator", "generators"):
            require_like(fresh[part], state[part], part)
        require_generators(state["generators"])
        progress = built(Progress, state["progress"], "progress")
        step = progress.step
        require(0 <= step <= self.settings.steps, f"progress.step is {step}")
        require(progress.together >= 1, f"progress.together is {progress.together}")
        require_duration(progress.seconds, "progress.seconds")
        self.batches.require_fit(state["batches"], step)
        require_optimizer(self.optimizer, state["optimizer"], step)
        require(isinstance(state["rows"], list) and isinstance(state["objectives"], list), "rows are missing")
        rows = [built(TrainingRow, row, "rows") for row in state["rows"]]
        ends = [0, *(row.step for row in rows)]
        require(ends == sorted(set(ends)), "rows are not in order")
        require(all(isinstance(value, Tensor) for value in state["objectives"]), "objectives are not tensors")
        since = sum(value.numel() for value in state["objectives"])
        require_flags(state["clipped"], since if self.settings.clip_norm else 0)
        require(ends[-1] + since == step, f"rows and objectives are of {ends[-1] + since} steps instead of {step}")
        return progress, rows


def _parameter_groups(task: Task, estimator: Estimator) -> dict[str, list[Tensor]]:
    return {
        "guide": list(task.guide.parameters()),
        "model": list(task.model.parameters()),
        "estimator": list(estimator.parameters()),
    }


def gradient_norm(parts: Sequence[Tensor]) -> float:
    """Return the norm of a gradient, given in parts; NaN where there are none."""
    return float(norm_of(parts)) if parts else math.nan


def _share(steps: Sequence[Tensor]) -> float:
    """Return of how many of some steps something is true; 0 without any."""
    return float(torch.cat([value.reshape(-1) for value in steps]).double().mean()) if steps else 0.0


def _in_training(step: int) -> str:
    return f"at step {step} of training" if step else "at the first step of training"
