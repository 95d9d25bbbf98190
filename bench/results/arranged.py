"""Comparisons arranged as a paper prints them: estimators × tasks, or as asked."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from bench.errors import UsageError
from bench.results.columns import AXES
from bench.results.declared import LEGEND, marked
from bench.results.frames import distinct, grouped, ordered, records, where
from bench.results.metrics import about, group_name
from bench.results.order import by_number, place
from bench.results.render import BEST, Block
from bench.results.words import Estimate

_TITLES: Final = {"estimator": "name", "task": "task_label", "samples": "samples", "group": "group", "metric": "metric"}

_OF_TASK: Final = ("expectation", "elbo")
"""Targets that a task has of itself, one of them; whatever else an estimator aims at is a comparison of its own."""
_AIM: Final = "aim"


def pivot_blocks(table: pd.DataFrame, by: str = "estimator", across: str = "task") -> list[Block]:
    """Return a comparison with one of `AXES` down and another across, a block for each value of what is left.

    Gradients of different targets of a task are in different blocks. K and the evaluations per gradient stand beside
    the estimator, or in the title where all agree. A block of a single estimator has none that is best: its rivals are
    in other blocks. A dagger stands behind estimators that declare a bias.

    Raises:
        UsageError: an axis is unknown, or both are the same.

    >>> import varbench
    >>> table = varbench.tables.comparison(varbench.load("results"), ["variance", "snr"])
    >>> [block.headers for block in varbench.tables.pivot_blocks(table, across="metric")]
    [['estimator', 'variance (nats²/param²)', 'SNR']]
    """
    for axis in (by, across):
        if axis not in AXES:
            raise UsageError(f"a table cannot be arranged by '{axis}': choose from {', '.join(AXES)}")
    if by == across:
        raise UsageError(f"a table needs two different axes, not {by} twice")
    apart = [axis for axis in ("task", "estimator", "group", "metric") if axis not in (by, across)]
    keys = [*(_TITLES[axis] for axis in apart), *([] if "metric" not in apart else ["unit"]), _AIM]
    aims = table["target"].where(~table["target"].isin(_OF_TASK), "")
    shown = table.assign(**{_AIM: aims, "name": marked(table, "name")})
    return [_block(rows, by, across) for _, rows in grouped(shown, *keys)]


def _block(rows: pd.DataFrame, by: str, across: str) -> Block:
    rows = ordered(rows, lambda row: (place(row.estimator), by_number(row.name), row.samples))
    columns = _along(rows, across)
    # What tells two lines apart besides their name: K, unless it stands across, and the price of K.
    beside = [] if across in ("samples", "estimator") else ["samples", "evaluations"]
    shared = [name for name in beside if len(distinct(rows, name)) == 1]
    # Not the price as well where it is a column of its own.
    told = [name for name in beside if name not in shared and name not in columns]
    line_keys = [_TITLES[by], *(["samples"] if "samples" in told and by != "samples" else [])]
    if across == "estimator" and len(distinct(rows, "samples")) > 1 and by != "samples":
        line_keys.append("samples")
    headers = [by if by != "samples" else "K", *("K" for _ in line_keys[1:])]
    headers += ["evaluations"] if "evaluations" in told else []
    contested = len(distinct(rows, "name")) > 1
    body = []
    lines = dict(grouped(rows, *line_keys))
    order = _along(rows, by)
    for line_key in sorted(lines, key=lambda key: (order.index(key[0]), key[1:])):
        line = lines[line_key]
        words = [str(word) for word in line_key]
        if by == "metric":
            words[0] = _head(line_key[0])
        if by == "group":
            words[0] = group_name(line_key[0])
        if "evaluations" in told:
            words.append(_range(line["evaluations"]))
        cells = {
            getattr(row, _TITLES[across]): Estimate(row.value, row.se, row.best and contested) for row in records(line)
        }
        body.append([*words, *(cells.get(column, "–") for column in columns)])
    return Block(
        _title(rows, by, across, shared, "evaluations" not in [*told, *columns]),
        [*headers, *(_header(across, column) for column in columns)],
        body,
        notes=_notes(rows, contested),
    )


def _along(rows: pd.DataFrame, axis: str) -> list[Any]:
    """Return what stands along an axis: estimators as they come, numbers as numbers, the others as they were asked."""
    found = distinct(rows, _TITLES[axis])
    if axis == "samples":
        return sorted(found)
    return sorted(found, key=by_number) if axis == "task" else found


def _title(rows: pd.DataFrame, by: str, across: str, shared: Sequence[str], evaluations: bool) -> str:
    """Return what all lines have in common."""
    first = rows.iloc[0]
    apart = [axis for axis in ("metric", "group", "task", "estimator") if axis not in (by, across)]
    words = {
        "task": first["task_label"],
        "estimator": first["name"],
        "metric": about(first["metric"]).head(first["unit"]),
        "group": group_name(first["group"]) if first["group"] else "",
    }
    what = ["gradient" if first["group"] else "final values"] if "metric" in (by, across) else []
    parts = [*what, *(words[axis] for axis in apart if words[axis])]
    if "metric" in (by, across):
        of_task = where(rows, [about(metric).unit_of("") == "" for metric in rows["metric"]])
        parts += [" or ".join(distinct(of_task, "unit"))] if len(of_task) else []
    targets = [target for target in distinct(rows, "target") if target]
    parts += [f"target {' and '.join(targets)}"] if targets else []
    if "samples" in shared:
        parts.append(f"K = {first['samples']}")
    if evaluations:
        price = _range(rows["evaluations"])
        parts.append(f"{price} evaluation{'' if price == '1' else 's'} per gradient")
    return " · ".join(parts)


def _notes(rows: pd.DataFrame, contested: bool) -> list[str]:
    """Return what ± is, what is marked, and what that means."""
    notes = [_spread(rows)]
    biased = bool(rows["biased"].any())
    if contested and _has_errors(rows):
        same = "task, target and K" if any(rows["target"]) else "task and K"
        test = f"Welch, 5% over {_rivals(rows, biased)} of its {same}"
        is_seen = bool(rows["best"].any())
        notes.append(f"{BEST}: significantly best ({test})" if is_seen else f"none is significantly best ({test})")
    return [*notes, LEGEND] if biased else notes


def _rivals(rows: pd.DataFrame, biased: bool) -> str:
    """Return which others the best is better than: in noise alone, the unbiased ones."""
    of_noise = {about(name).is_noise for name in rows["metric"]}
    if not biased or of_noise == {False}:
        return "all others"
    return "all unbiased others" if of_noise == {True} else "all others, in variance and SNR the unbiased ones,"


def _has_errors(rows: pd.DataFrame) -> bool:
    """Return whether there is a ± of any value: of final values only where there are several seeds."""
    return bool(rows["se"].notna().any())


def _spread(rows: pd.DataFrame) -> str:
    """Return what ± is, and over how many seeds."""
    least, most = min(rows["seeds"]), max(rows["seeds"])
    if most == 1 and not _has_errors(rows):
        return "1 seed, without ±: the spread between seeds is unknown"
    if most == 1:
        return "± standard error of the measurement, 1 seed"
    if least == most:
        return f"mean ± standard error over {most} seeds"
    of_one = "of the measurement where there is one" if any(rows["target"]) else "without ± where there is one"
    return f"mean ± standard error over {least} to {most} seeds{f', {of_one}' if least == 1 else ''}"


def _header(across: str, column: Any) -> str:
    if across == "samples":
        return f"K = {column}"
    if across == "group":
        return group_name(column)
    return _head(column) if across == "metric" else str(column)


def _head(metric: str) -> str:
    """Return a metric with its unit; that of the task's target is in the title."""
    return about(metric).head(about(metric).unit_of(""))


def _range(values: Any) -> str:
    known = sorted({float(value) for value in values if np.isfinite(value)})
    return "–".join(dict.fromkeys(f"{value:g}" for value in (known[:1] + known[-1:]))) or "–"
