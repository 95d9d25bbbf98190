"""A part of the results: some tasks, estimators, samples, one step."""

from collections.abc import Sequence

from bench.errors import UsageError, did_you_mean
from bench.results.frames import distinct, where
from bench.results.tables import Results


def select(
    results: Results,
    tasks: Sequence[str] = (),
    estimators: Sequence[str] = (),
    samples: Sequence[int] = (),
    step: int | None = None,
) -> Results:
    """Return the results of these names and numbers of samples; empty means all.

    `step` chooses among the steps at which moments were measured.

    Raises:
        UsageError: the results have nothing of a name, or nothing was measured at the step.
    """
    final = results.final
    for kind, column, wanted in (
        ("task", "task", tasks),
        ("estimator", "estimator", estimators),
        ("sample size K =", "samples", samples),
    ):
        known = distinct(final, column)
        for value in wanted:
            if value not in known:
                near = did_you_mean(str(value), map(str, known)) or "; there are " + ", ".join(map(str, known))
                raise UsageError(f"these results have no {kind} '{value}'{near}")
        final = where(final, final[column].isin(wanted)) if wanted else final
    if final.empty and not results.final.empty:
        raise UsageError("no cell of these results has such a task, estimator and K together")
    cells = list(final["cell"])
    gradients = where(results.gradients, results.gradients["cell"].isin(cells))
    if step is not None:
        steps = sorted(set(gradients["step"]))
        if step not in steps:
            raise UsageError(f"nothing was measured at step {step}; there are {', '.join(map(str, steps))}")
        gradients = where(gradients, gradients["step"] == step)
    training = where(results.training, results.training["cell"].isin(cells))
    return Results(gradients, training, final, results.runs)
