"""`varbench.table`: what `bench table` shows, as a frame."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.api.given import results_of, words
from bench.api.progress import warn
from bench.errors import ResultsError
from bench.results.render import Block
from bench.results.tables import Results
from bench.results.tuned import at_best
from bench.results.wanted import Wanted, What


def table(
    results: Results | Path | str = "results",
    what: What = "gradients",
    *,
    metrics: str | Sequence[str] = (),
    groups: str | Sequence[str] = (),
    columns: str | Sequence[str] | None = None,
    by: str | None = None,
    across: str | None = None,
    select: str | Sequence[str] = (),
    select_by: str | None = None,
    elbo: float | None = None,
) -> pd.DataFrame:
    """Return what `bench table` shows, as a frame of text: a row per line, and in `table` the title of each.

    The summary of the gradients is at each cell's last measured step, with 95% intervals; several seeds become their
    mean. With `by` or `across` it is a comparison: mean ± standard error, the best with a star if it is significantly
    better than every other one. With `columns`, or for `training` and `runs`, it has tidy rows with numbers, like the
    frames of `Results`. The notes below the tables are in `attrs["notes"]`.

    Args:
        results: what `run` or `load` returned, or a results folder.
        what: gradients, final, training, runs, or time-to: when training reached the value `elbo`.
        metrics: of the gradients, or of final values in a comparison.
        groups: parameter groups, such as guide, model or all.
        columns: of tidy rows.
        by: the rows of a comparison: estimator, task, samples, group or metric.
        across: its columns, likewise.
        select: settings of which each estimator is shown at its best value.
        select_by: what they are chosen by.
        elbo: of time-to, the value to be reached, an ELBO or the objective of an expectation.

    Raises:
        UsageError: there is no such table, metric, group or column, or they do not go together.
        ResultsError: the folder cannot be read, or there is nothing to show.

    >>> import varbench
    >>> shown = varbench.table(varbench.load("results"), metrics=["variance"])
    >>> list(shown.columns)
    ['table', 'estimator', 'K', 'variance (nats²/param²)']
    >>> list(shown["estimator"])
    ['reinforce', 'reparam']
    """
    chosen = words(select)
    wanted = Wanted(
        what, words(metrics), words(groups), words(columns) or None, by, across, bool(chosen or select_by), elbo
    )
    found = results_of(results)
    if getattr(found, wanted.source).empty:
        raise ResultsError(f"these results have no rows of {wanted.source}; `results.final` says how their cells ended")
    best = at_best(found, chosen, select_by, warn)
    found = best.results if best else found
    if wanted.is_tidy:
        return wanted.rows(found)
    blocks = wanted.arranged(wanted.compared(found)) if wanted.compares else wanted.summary(found)
    return _framed(blocks, best.notes() if best else [])


def _framed(blocks: Sequence[Block], more: Sequence[str]) -> pd.DataFrame:
    """Return tables one below the other; what one lacks is empty there."""
    rows = [
        {"table": block.title, **dict(zip(block.headers, map(_word, line), strict=True))}
        for block in blocks
        for line in block.lines
    ]
    frame = pd.DataFrame(rows).fillna("")
    frame.attrs["notes"] = list(dict.fromkeys([*(note for block in blocks for note in block.notes_in("text")), *more]))
    return frame


def _word(word: object) -> str:
    from bench.results.words import Estimate

    return f"{word.plain()}{' *' if word.best else ''}" if isinstance(word, Estimate) else str(word)
