"""`varbench.advise`: what `bench advise` does, from Python."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.api.given import words
from bench.api.progress import warn
from bench.api.specs import spec_text
from bench.cli.limits import Duration
from bench.errors import UsageError
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.selecting import ALL, Pattern, is_pattern
from bench.names.spec import parse_spec

if TYPE_CHECKING:
    from estimators.base import Estimator
    from tasks.base import Task


def advise(
    task: "str | type[Task] | Task",
    estimators: "str | type[Estimator] | Estimator | list[str | type[Estimator] | Estimator]" = ALL,
    *,
    budget: float | str = "10m",
    samples: int | None = None,
    seed: int = 0,
    out: Path | str | None = None,
) -> dict[str, Any]:
    r"""Return which estimator to use on a task, as `bench advise` does.

    Nothing is printed. The dictionary is what `--format json` prints, with `text`, the answer in words, and `next`, the
    command to continue with.

    Args:
        task: a string, a class or an instance, as in `varbench.run`.
        estimators: the candidates, likewise; `all`, `discrete:*` and `reinforce*` select those that fit.
        budget: how long it may take, in seconds, or a string such as 10m or 2h.
        samples: evaluations of the model per datapoint and gradient.
        seed: of parameters, draws and trainings.
        out: results folder for the measurements.

    Raises:
        UsageError: a name or a value is wrong, nothing fits, or the budget is too small to measure anything.
        DataUnavailable: this machine lacks the task's data.
        ResultsError: the folder cannot be written.

    >>> import varbench
    >>> found = varbench.advise("bernoulli-quadratic", ["reinforce", "reinforce-loo"], budget=6)
    >>> found["best"][0], found["text"].partition("\n")[0]
    ('reinforce-loo', 'bernoulli-quadratic: use reinforce-loo, K = 4')
    """
    begun = time.monotonic()
    import torch

    from bench.advise.advising import Advising
    from bench.advise.asking import question
    from bench.advise.findings import findings
    from bench.advise.report import next_command, text

    given = estimators if isinstance(estimators, list | tuple) else [estimators]
    texts = words([spec_text(ESTIMATORS, one) for one in given])
    named = [Pattern(one) if is_pattern(one) else parse_spec(one) for one in texts]
    if samples is not None and samples < 1:
        raise UsageError(f"samples is a number of evaluations, at least 1, not {samples}")
    asked = question(parse_spec(spec_text(TASKS, task)), named, _seconds(budget), samples, seed, out is not None)
    found = Advising(asked, begun=begun)
    with torch.random.fork_rng(()):
        found.run()
    said = findings(found)
    for one in said["refused"]:
        warn(f"skipped {one['estimator']}: {one['reason']}")
    if out is not None:
        from bench.advise.kept import keep

        keep(found, Path(out))
    return {**said, "text": text(said), "next": next_command(said)}


def _seconds(budget: float | str) -> float:
    """Return a budget in seconds.

    Raises:
        UsageError: it is no time above zero.
    """
    try:
        return Duration().convert(str(budget), None, None)
    except click.UsageError as error:
        raise UsageError(f"budget: {error.message}") from error
