"""The few best and the one that everybody knows, trained for equally long, and what they end with."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final as Constant
from typing import final

from bench.advise.candidates import Candidate
from bench.advise.places import round_steps
from bench.evaluation.bounds import Mean, evaluate_expectation, evaluate_objective, evaluate_train, train_rows
from bench.evaluation.mode import evaluating
from bench.execution.initial import initial
from bench.machine.matmul import multiplied_by_onednn, onednn_pays
from bench.machine.stopwatch import Stopwatch
from bench.machine.streams import seeded
from bench.names.strangers import said
from bench.results.schema import TrainingRow
from bench.settings import Cell
from bench.statistics.quantiles import NORMAL
from bench.statistics.seeds import mean_over_seeds
from bench.training.diverged import Diverged
from bench.training.trainer import Trainer
from tasks.base import Data, Task

SEEDS: Constant = 3
"""Trainings of each, where there is time for them."""

_MOST_SEEDS: Constant = 5

_FEWEST_STEPS: Constant = 50
"""Of a training that says anything."""

_PILOT: Constant = 10
_APART: Constant = 1.25
"""Paces of a smaller ratio count as the same."""

_SURE: Constant = 0.8
"""The share of the time that trainings are planned for: a machine is not always as fast."""


@dataclass(frozen=True)
class Trained:
    """What one training came to.

    Attributes:
        name: of the candidate.
        cell: with the seed, and the steps that were taken.
        value: of the objective at the end; None where it diverged.
        diverged: how it did; empty where it did not.
        seconds: of training.
        rows: of training.
    """

    name: str
    cell: Cell
    value: Mean | None
    diverged: str
    seconds: float
    rows: Sequence[TrainingRow]


@dataclass(frozen=True)
class Final:
    """What the trainings of a candidate came to.

    Attributes:
        name: of the candidate.
        seeds: that ended.
        steps: of each.
        seconds: of training, of each.
        value: mean of the objective.
        low: lower end of its 95% interval: over seeds, or of the evaluation where there is one.
        high: upper end.
        diverged: how one of them did not end; empty where all did.
    """

    name: str
    seeds: int
    steps: int
    seconds: float
    value: float
    low: float
    high: float
    diverged: str


def objective_of(task: Task) -> str:
    """Return the column of the final values that trainings are compared by."""
    return "objective" if task.target == "expectation" or task.beta != 1 else "train_elbo"


def evaluate(task: Task, data: Data, seed: int) -> Mean:
    """Return the value of that objective at a task's parameters, by the common evaluator.

    It is that of training rows, which is what gradients are of: test rows tell of overfitting, too.
    """
    with evaluating(task):
        if task.target == "expectation":
            return evaluate_expectation(task, data, seed)
        if task.beta != 1:
            return evaluate_objective(task, train_rows(task, data), seed, "train")
        return evaluate_train(task.evaluated().eval(), data, seed)


@final
class Finals:
    """Trainings of a few candidates, one seed of each after the other.

    Attributes:
        trained: what is done.
        said: why nothing was trained; empty where something was.
    """

    def __init__(
        self, candidates: Sequence[Candidate], data: Data, clock: Callable[[], float], tell: Callable[[str], None]
    ) -> None:
        self._candidates, self._data, self._clock, self._tell = candidates, data, clock, tell
        self.trained: list[Trained] = []
        self.said = ""

    def run(self, deadline: float) -> None:
        """Train as far as time allows: in `SEEDS` seeds, or in one where that would leave too few steps."""
        task, _ = initial(self._candidates[0].cell, self._data)
        begun = self._clock()
        evaluate(task, self._data, self._candidates[0].cell.seed)
        evaluation = self._clock() - begun
        paces = self._paces()
        for seeds in (SEEDS, 1):
            each = (deadline - self._clock()) / (len(self._candidates) * seeds) - evaluation
            steps = {
                one.name: round_steps(min(one.cell.training.steps, int(_SURE * each / paces[one.name])))
                for one in self._candidates
            }
            if all(steps[one.name] >= min(_FEWEST_STEPS, one.cell.training.steps) for one in self._candidates):
                break
        else:
            self.said = "there was no time left to train anything"
            return
        first = self._candidates[0].cell.seed
        for seed in range(first, first + (_MOST_SEEDS if seeds > 1 else 1)):
            for one in self._candidates:
                foreseen = steps[one.name] * paces[one.name] + evaluation
                if seed > first and self._clock() + foreseen > deadline:
                    return
                self._tell(f"{one.name}, seed {seed}, {steps[one.name]} steps")
                self.trained.append(self._train(one, seed, steps[one.name], deadline))

    def results(self) -> list[Final]:
        """Return what each came to, over the seeds that all have."""
        of_each = [[one for one in self.trained if one.name == candidate.name] for candidate in self._candidates]
        fewest = min(map(len, of_each), default=0)
        return [_final(mine[:fewest]) for mine in of_each if fewest]

    def _paces(self) -> dict[str, float]:
        """Return the seconds of a training step of each.

        Their ratios are rounded to powers of `_APART`, so that who is as fast gets as many steps: a few more of them
        would look like a better estimator.
        """
        begun, work = self._clock(), dict[str, float]()
        for one in self._candidates:
            trainer = self._trainer(one.cell)
            with self._working(one.cell, trainer.task), seeded(trainer.device, "advise", "pace"):
                trainer.step()
                watch = Stopwatch(trainer.device)
                for _ in range(_PILOT):
                    trainer.step()
                work[one.name] = watch.seconds() / _PILOT
        # On a busy machine work takes longer than its own time.
        busy = max(1.0, (self._clock() - begun) / ((_PILOT + 1) * sum(work.values())))
        fastest = min(work.values())
        return {name: busy * fastest * _APART ** round(math.log(pace / fastest, _APART)) for name, pace in work.items()}

    def _train(self, one: Candidate, seed: int, steps: int, deadline: float) -> Trained:
        cell = replace(one.cell, seed=seed, training=replace(one.cell.training, steps=steps))
        trainer, diverged = self._trainer(cell), ""
        with self._working(cell, trainer.task), seeded(trainer.device, seed, "training"):
            try:
                for _ in trainer.run(steps):
                    if self._clock() > deadline:
                        break
            except Diverged as reason:
                diverged = str(reason)
            except (RuntimeError, ValueError, TypeError) as error:
                # Of somebody else's estimator, which may fail at the parameters that it has got to.
                diverged = said(error)
        taken = trainer.progress.step
        cell = replace(cell, training=replace(cell.training, steps=taken)) if taken < steps and not diverged else cell
        value = None if diverged else evaluate(trainer.task, self._data, seed)
        return Trained(one.name, cell, value, diverged, trainer.progress.seconds, trainer.rows)

    def _trainer(self, cell: Cell) -> Trainer:
        task, estimator = initial(cell, self._data)
        return Trainer(task, estimator, self._data, cell.training, cell.samples)

    def _working(self, cell: Cell, task: Task) -> AbstractContextManager[None]:
        return multiplied_by_onednn(onednn_pays(task, cell.training.batch_size * cell.samples))


def _final(mine: Sequence[Trained]) -> Final:
    values = [one.value for one in mine if one.value is not None]
    if len(values) > 1:
        value, low, high = mean_over_seeds([one.value for one in values])
    elif values:
        half = NORMAL * (values[0].se if math.isfinite(values[0].se) else 0.0)
        value, low, high = values[0].value, values[0].value - half, values[0].value + half
    else:
        value = low = high = math.nan
    diverged = next((one.diverged for one in mine if one.diverged), "")
    seconds = sum(one.seconds for one in mine) / len(mine)
    return Final(mine[0].name, len(values), mine[0].cell.training.steps, seconds, value, low, high, diverged)


def by_seed(trained: Sequence[Trained], name: str) -> Iterator[tuple[int, float]]:
    """Give what the trainings of a candidate that did not diverge came to, by seed."""
    return ((one.cell.seed, one.value.value) for one in trained if one.name == name and one.value is not None)
