"""Time to a target: after how many steps, and how many seconds of training, the objective first reached a value."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from bench.errors import ResultsError, UsageError
from bench.results.digits import number
from bench.results.frames import distinct, grouped, records, series, where
from bench.results.metrics import about
from bench.results.naming import configurations
from bench.results.render import Block
from bench.results.tables import Results
from bench.results.text import counted
from bench.statistics.quantiles import LEVEL
from bench.statistics.waiting import median_wait

STRETCHES: Final = 25
"""Over this share of a training its objective is averaged: as long a stretch as `bench plot elbo` draws as a point."""

COLUMNS: Final = (
    *("configuration", "task", "estimator", "samples", "task_label", "name", "target", "unit", "elbo"),
    *("seeds", "reached", "left_out", "coverage", "steps", "steps_low", "steps_high"),
    *("seconds", "seconds_low", "seconds_high", "best", "window", "seeds_together"),
)

_ELBOS: Final = ("elbo", "expectation", "")
"""Targets that are the task's own, the last where nothing was measured that would name it."""


@dataclass(frozen=True)
class _Course:
    """One training as it bears on a target.

    Attributes:
        steps: at the first row whose mean had reached it; infinite where none had.
        seconds: likewise.
        best: the best mean, the larger the better.
    """

    steps: float = math.inf
    seconds: float = math.inf
    best: float = -math.inf


_NOWHERE: Final = _Course()


def time_to(results: Results, elbo: float) -> pd.DataFrame:
    """Return a row per task × configuration: when its objective reached a value, over seeds.

    The objective of a row is the mean of the estimates that training made since the row before, on its own minibatches:
    no evaluation, and noisy. It is averaged over the rows of the last 1/25 of the training (`window` steps), so that a
    single lucky row reaches nothing; the time is that of the row whose mean does, at the end of that stretch. Rows with
    a weight β of the divergence below 1 are of another objective and do not count.

    `steps` and `seconds` are medians over `seeds`, with intervals that are right `coverage` of the time at least; see
    `median_wait`. Seeds that never reached the value (`seeds` − `reached`), among them those that diverged before, have
    waited for ever: a median, or an end of an interval, is infinite where it is theirs. Seeds whose training is not at
    its end are `left_out`. `seconds` are of training only, over all runs of a cell that was interrupted. `best` is the
    best mean of any seed.

    Args:
        results: with `training`, `final`, and `gradients`, which name the target.
        elbo: the value, in the unit of the objective; a cost reaches it from above.

    Raises:
        ResultsError: nothing was trained to its end.
        UsageError: nothing reaches the value, or there is no objective that could be said to.

    >>> import varbench
    >>> found = varbench.tables.time_to(varbench.load("results"), 100.0)
    >>> list(found["name"])
    ['reinforce', 'reparam']
    """
    if not math.isfinite(elbo):
        raise UsageError(f"elbo must be a finite number, the value to be reached; it is {elbo}")
    if results.training.empty:
        raise ResultsError("nothing was trained in these results: run without `--no-train`")
    relaxed = where(results.training, results.training["objective_of"] == "relaxed")
    trained = where(results.final, (results.final["training_steps"] > 0) & ~results.final["cell"].isin(relaxed["cell"]))
    if trained.empty:
        raise UsageError("the objectives in these results are of relaxed draws, which bound nothing: no ELBO is known")
    ended = _ended(trained, results.training)
    if ended.empty:
        raise ResultsError("no training in these results is at its end: `bench status` names the command that goes on")
    found = pd.DataFrame(_rows(ended, trained, results, elbo))
    names = configurations(results.final).merge(found, on="configuration")
    if not names["reached"].to_numpy().any():
        raise UsageError(_out_of_reach(names, elbo))
    return names.assign(elbo=elbo).filter(COLUMNS)


def _ended(trained: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `final` whose training is at its end, or has diverged."""
    last = {cell: max(of["step"]) for (cell,), of in grouped(training, "cell")}
    is_whole = series(trained, "cell").map(last) == trained["training_steps"]
    return where(trained, is_whole | (trained["status"] == "diverged"))


def _rows(ended: pd.DataFrame, trained: pd.DataFrame, results: Results, elbo: float) -> Iterator[dict[str, Any]]:
    """Give what is known of each configuration, apart from what it is called."""
    gradients = results.gradients
    measured = where(gradients, gradients["metric"] == "variance")
    targets = dict(measured[["configuration", "target"]].itertuples(index=False))
    # Who diverged has no unit, but the task has.
    units = {task: str(of["unit"].iloc[0]) for (task,), of in grouped(trained.dropna(subset=["unit"]), "task")}
    cells = {key: len(of) for (key,), of in grouped(trained, "configuration")}
    rows = {cell: of for (cell,), of in grouped(results.training, "cell")}
    for (configuration, task), of in grouped(ended, "configuration", "task"):
        unit = units.get(task, "1")
        direction = about("objective").direction(unit)
        window = max(1.0, of["training_steps"].iloc[0] / STRETCHES)
        is_weighed = bool(of["training_kl_warmup"].iloc[0])
        # A training that diverged before its first row has none.
        courses = [
            _course(rows[cell], is_weighed, direction, elbo, window) if cell in rows else _NOWHERE
            for cell in of["cell"]
        ]
        steps = median_wait(np.array([one.steps for one in courses]))
        seconds = median_wait(np.array([one.seconds for one in courses]))
        yield {
            "configuration": configuration,
            "target": targets.get(configuration, ""),
            "unit": unit,
            "seeds": len(courses),
            "reached": sum(math.isfinite(one.steps) for one in courses),
            "left_out": cells[configuration] - len(courses),
            "coverage": steps.level,
            "steps": steps.value,
            "steps_low": steps.low,
            "steps_high": steps.high,
            "seconds": seconds.value,
            "seconds_low": seconds.low,
            "seconds_high": seconds.high,
            "best": direction * max(one.best for one in courses),
            "window": window,
            "seeds_together": max(of["seeds_together"].dropna(), default=1),
        }


def _course(rows: pd.DataFrame, is_weighed: bool, direction: int, elbo: float, window: float) -> _Course:
    """Return when the mean objective over `window` steps first reached a value."""
    rows = rows.sort_values("step")
    ends = rows["step"].to_numpy(float)
    starts = np.concatenate([[0.0], ends[:-1]])
    is_of_target = _with_whole_weight(rows, is_weighed)
    # Where a weight was below 1 a stretch begins anew.
    since = np.maximum.accumulate(np.where(is_of_target, 0, np.arange(len(rows)) + 1))
    first = np.maximum(np.searchsorted(starts, ends - window), since)
    means = np.full(len(rows), -np.inf)
    objective = direction * rows["objective"].to_numpy(float)
    for place in np.flatnonzero(is_of_target):
        stretch = slice(min(first[place], place), place + 1)
        means[place] = np.average(objective[stretch], weights=(ends - starts)[stretch])
    reaching = np.flatnonzero(means >= direction * elbo)
    best = float(np.max(np.where(np.isnan(means), -np.inf, means)))
    if not len(reaching):
        return _Course(best=best)
    return _Course(float(ends[reaching[0]]), float(rows["seconds"].iloc[reaching[0]]), best)


def _with_whole_weight(rows: pd.DataFrame, is_weighed: bool) -> np.ndarray:
    """Return which rows have a weight β of 1 at all their steps: of each row that at its last step is known."""
    whole = rows["beta"].to_numpy(float) == 1
    return whole & np.concatenate([[not is_weighed], whole[:-1]])


def _out_of_reach(names: pd.DataFrame, elbo: float) -> str:
    """Return how near to a value that nothing reached each task came."""
    nearest = [
        f"{number(best)} {of['unit'].iloc[0]} ({task})"
        for (task,), of in grouped(names, "task_label")
        for best in [min(of["best"], key=lambda one: abs(one - elbo))]
    ]
    if not np.isfinite(names["best"]).any():
        return "the weight β of the divergence was below 1 in all of these trainings: nothing is known of their targets"
    return f"no training reached {number(elbo)}: the nearest that a mean objective came is {', '.join(nearest)}"


def time_to_blocks(found: pd.DataFrame) -> list[Block]:
    """Return the rows of `time_to` as tables, one per task and target; targets of an estimator's own also by K.

    >>> import varbench
    >>> found = varbench.tables.time_to(varbench.load("results"), 100.0)
    >>> [block.headers for block in varbench.tables.time_to_blocks(found)]
    [['estimator', 'K', 'reached by', 'steps', 'training time (s)']]
    """
    own = found["samples"].where(~found["target"].isin(_ELBOS), 0)
    return [_block(rows) for _, rows in grouped(found.assign(own=own), "task_label", "target", "own")]


def _block(rows: pd.DataFrame) -> Block:
    first = rows.iloc[0]
    reached = f"time to an objective of {number(first['elbo'])} {first['unit']}"
    target = [f"target {first['target']}"] if first["target"] else []
    lines = [
        [
            row.name,
            str(row.samples),
            f"{row.reached} of {counted(row.seeds, 'seed')}",
            _waited(row, "steps"),
            _waited(row, "seconds"),
        ]
        for row in records(rows)
    ]
    headers = ["estimator", "K", "reached by", "steps", "training time (s)"]
    return Block(" · ".join([reached, first["task_label"], *target]), headers, lines, keys=2, notes=_notes(rows))


def _waited(row: Any, what: Literal["steps", "seconds"]) -> str:
    """Return a median with its interval, or with the range of seeds that are too few for one."""
    ends = [getattr(row, f"{what}{end}") for end in ("", "_low", "_high")]
    value, low, high = (_time(one, what) for one in ends)
    if row.seeds == 1 or not row.reached:
        return value
    return f"{value} [{low}, {high}]" if row.coverage >= LEVEL else f"{value} ({low} to {high})"


def _time(value: float, what: Literal["steps", "seconds"]) -> str:
    if not math.isfinite(value):
        return "never"
    return f"{value:.10g}" if what == "steps" else number(value, 3)


def _notes(rows: pd.DataFrame) -> list[str]:
    """Return what is averaged, what the intervals are, and what is not comparable."""
    low, high = (round(float(end(rows["window"]))) for end in (np.min, np.max))
    notes = [
        "the objective is training's own estimate, "
        + ("of single steps" if high <= 1 else f"averaged over {'' if low == high else f'{low} to '}{high} steps")
    ]
    several = where(rows, rows["seeds"] > 1)
    if len(several):
        notes.append("medians over seeds, of which some may never have reached it")
    levels = dict(several[["seeds", "coverage"]].itertuples(index=False))
    if any(level >= LEVEL for level in levels.values()):
        notes.append("square brackets are intervals between order statistics: 95% or more hold the median")
    few = [f"{100 * level:.0f}% of cases with {seeds}" for seeds, level in sorted(levels.items()) if level < LEVEL]
    if few:
        notes.append(f"round brackets are the range of few seeds, which holds the median in {', '.join(few)}")
    if left := sum(rows["left_out"]):
        notes.append(f"left out, since their training is not at its end: {counted(left, 'seed')}")
    if len(distinct(rows, "seeds_together")) > 1:
        notes.append("seeds that are trained in one step share its time: such seconds are not those of a seed alone")
    return notes
