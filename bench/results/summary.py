"""Results at a glance: one line per estimator, with 95% intervals; several seeds become their mean."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import pandas as pd

from bench.names.registry import TASKS
from bench.results.declared import declared_configurations
from bench.results.digits import interval
from bench.results.frames import distinct, where
from bench.results.metrics import FINAL_VALUES, OF_COORDINATES, PARTS, about, group_name
from bench.results.naming import briefly, spelled
from bench.results.order import by_number, place
from bench.results.over_seeds import Said, Summary, last_steps, summarise
from bench.results.render import Block, Of
from bench.results.undecided import NOTE, undecided
from bench.results.verdicts import BIASES, judged

GRADIENT_METRICS: Final = ("relative_bias", "variance", "snr", "cosine", "seconds", "evaluations")

_MISSING: Final = "–"
_VERDICT: Final = ("verdict", "seen from")

Row = dict[Hashable, Any]


class Frames(Protocol):
    """What a summary is of: some of the frames of `bench.results.tables.Results`, which show themselves by it."""

    @property
    def gradients(self) -> pd.DataFrame:
        """Return moments, a row per cell × step × parameter group × metric."""
        ...

    @property
    def final(self) -> pd.DataFrame:
        """Return a row per cell."""
        ...


def usual_groups(results: Frames, metrics: Sequence[str] = ()) -> list[str]:
    """Return the parameter groups that are shown unless others are asked for: φ and θ, else what was measured.

    Of metrics of single coordinates, all that have one.
    """
    gradients = results.gradients
    of_coordinates = gradients["metric"].isin(OF_COORDINATES)
    if set(metrics) & {*OF_COORDINATES}:
        return distinct(where(gradients, of_coordinates), "group")
    measured = distinct(where(gradients, ~of_coordinates), "group")
    return [group for group in PARTS if group in measured] or measured


def gradient_blocks(results: Frames, metrics: Sequence[str], groups: Sequence[str]) -> list[Block]:
    """Return estimators × metrics at each cell's last measured step, one block per task and parameter group.

    Target, step and number of seeds are in the title where all lines have the same.

    >>> import varbench
    >>> (block,) = varbench.tables.gradient_blocks(varbench.load("results"), ["snr"], ["guide"])
    >>> block.title
    'gradient of guide φ · gaussian-quadratic · target expectation · step 20 · 2 seeds'
    >>> [line[:2] for line in block.lines]
    [['reinforce', '2'], ['reparam', '2']]
    """
    last = last_steps(results.gradients)
    shown = _Shown(results, summarise(last, results.final), metrics, groups)
    is_of_coordinates = all(about(metric).of_coordinates for metric in metrics)
    blocks: list[Block] = []
    for of_task in _grouped(_measurements(last), "task", "task_parameters").values():
        found = {group: of_group for group in groups if (of_group := _measured(of_task, group))}
        of_each = {group: _gradient_block(shown, of_group, group) for group, of_group in found.items()}
        blocks += _in_one(of_each) if is_of_coordinates else of_each.values()
    return blocks


class _Shown:
    """What is known of the gradients, and which metrics of it are shown."""

    def __init__(self, results: Frames, summary: Summary, metrics: Sequence[str], groups: Sequence[str]) -> None:
        self.summary, self.metrics, self.names = summary, metrics, spelled(results.final)
        self.judge = next((name for name in BIASES if name in metrics), "")
        self.silent = undecided(results.gradients) if self.judge else set()
        biases = {
            (configuration, group): said
            for (configuration, group, name), said in summary.moments.items()
            if name == self.judge and group in groups
        }
        declared = declared_configurations(results.final)
        self.verdicts = judged(biases, [key for key in biases if key[0] in declared], self.silent)

    def headers(self) -> list[str]:
        """Return a head per metric; the verdict stands behind the bias that it is about."""
        words = []
        for metric in self.metrics:
            words += [about(metric).head(about(metric).unit), *(_VERDICT if metric == self.judge else ())]
        return words

    def columns(self) -> list[str]:
        """Return the metric per head; none for a verdict."""
        return [name for metric in self.metrics for name in (metric, *([""] * len(_VERDICT) * (metric == self.judge)))]

    def values(self, configuration: str, group: str) -> list[str]:
        """Return a word per head."""
        words = []
        for metric in self.metrics:
            words.append(_said(self.summary.moment(configuration, group, metric)))
            if metric == self.judge:
                verdict = self.verdicts.get((configuration, group))
                words += [verdict.word, verdict.seen_from] if verdict else [_MISSING, _MISSING]
        return words

    def has_no_verdict(self, configuration: str, group: str) -> bool:
        """Return whether nothing can be said of a bias."""
        return (configuration, group) in self.silent - self.verdicts.keys()


def _measured(of_task: Sequence[Row], group: str) -> dict[str, list[Row]]:
    """Return the rows of each configuration that has some of a group."""
    found = {key: rows for (key,), rows in _grouped(of_task, "configuration").items()}
    return {key: rows for key, rows in found.items() if any(row["group"] == group for row in rows)}


def _gradient_block(shown: _Shown, found: Mapping[str, list[Row]], group: str) -> Block:
    context = {key: _context(rows, shown.metrics, group) for key, rows in found.items()}
    shared, apart = _shared(list(context.values()))
    ordered = _in_order(found, shown.names)
    lines = [
        [
            shown.names[key],
            str(rows[0]["samples"]),
            *(context[key][name] for name in apart),
            *shown.values(key, group),
        ]
        for key, rows in ordered
    ]
    first = next(iter(found.values()))[0]
    task = briefly(TASKS, first["task"], first["task_parameters"])
    title = " · ".join([f"gradient of {group_name(group)}", task, *shared])
    notes = _notes(bool(shown.judge), any(shown.has_no_verdict(key, group) for key in found))
    metrics = ["", "", *([""] * len(apart)), *shown.columns()]
    of = Of((first["task"], first["task_parameters"]), group, [key for key, _ in ordered], metrics)
    return Block(title, ["estimator", "K", *apart, *shown.headers()], lines, notes=notes, of=of)


def _in_one(blocks: Mapping[str, Block]) -> list[Block]:
    """Return the tables of single coordinates of a task's gradient as one, where their columns are the same."""
    first = next(iter(blocks.values()), None)
    if first is None or any(block.headers != first.headers for block in blocks.values()):
        return [*blocks.values()]
    title = " · ".join(["gradient by coordinate", *first.title.split(" · ")[1:]])
    lines = [[group, *line] for group, block in blocks.items() for line in block.lines]
    return [replace(first, title=title, headers=["coordinate", *first.headers], lines=lines, keys=2, of=None)]


def _notes(judges: bool, silent: bool) -> list[str]:
    notes = ["brackets are 95% intervals, for several seeds that of their mean"]
    if judges:
        notes.append("seen from: the smallest bias that would be seen four times in five")
        notes.append("verdicts are corrected for the number of biases in these tables")
    return [*notes, NOTE] if silent else notes


def final_blocks(results: Frames) -> list[Block]:
    """Return estimators × final values, one block per task; what a task does not have is left out.

    >>> import varbench
    >>> (block,) = varbench.tables.final_blocks(varbench.load("results"))
    >>> block.headers
    ['estimator', 'K', 'seeds', 'objective', 'seconds per step (s)', 'evaluations per gradient']
    """
    summary, names = summarise(results.gradients.iloc[:0], results.final), spelled(results.final)
    blocks = []
    for (task, parameters), of_task in _grouped(_rows(results.final), "task", "task_parameters").items():
        values = [name for name in FINAL_VALUES if any(row[name] is not None for row in of_task)]
        found = {key: rows for (key,), rows in _grouped(of_task, "configuration").items()}
        ordered = _in_order(found, names)
        lines = [
            [
                names[key],
                str(rows[0]["samples"]),
                _statuses(rows),
                *(_said(summary.final(key, value)) for value in values),
            ]
            for key, rows in ordered
        ]
        units = dict.fromkeys(row["unit"] for row in of_task if row["unit"])
        title = " · ".join(["final values", briefly(TASKS, task, parameters), *units])
        # The unit of the target is in the title.
        heads = [FINAL_VALUES[name].head(FINAL_VALUES[name].unit_of("")) for name in values]
        notes = ["brackets are 95% intervals: for one seed that of the evaluation, for several that of their mean"]
        if "clipped" in values:
            notes.append("steps clipped: the share of training steps whose gradient was clipped, which biases it")
        of = Of((task, parameters), "", [key for key, _ in ordered], ["", "", "", *values])
        headers = ["estimator", "K", "seeds", *heads]
        blocks.append(Block(title, headers, lines, notes=notes if values else [], of=of))
    return blocks


def _in_order(found: Mapping[str, list[Row]], names: Mapping[str, str]) -> list[tuple[str, list[Row]]]:
    """Return configurations with their rows: estimators as `bench list` has them, numbers as numbers."""
    return sorted(
        found.items(),
        key=lambda item: (place(item[1][0]["estimator"]), by_number(names[item[0]]), item[1][0]["samples"]),
    )


def _rows(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame, None for what is missing."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _measurements(last: pd.DataFrame) -> list[Row]:
    """Return what was measured of each configuration, and in `seeds` of how many: a large folder has many."""
    of_each = ["task", "task_parameters", "configuration", "estimator", "samples", "group", "metric", "target", "step"]
    once = last[of_each].drop_duplicates()
    seeds = last.groupby(["configuration", "group"], sort=False)["seed"].nunique().to_dict()
    keys = zip(once["configuration"], once["group"], strict=True)
    return _rows(once.assign(seeds=[seeds[key] for key in keys]))


def _grouped(rows: Sequence[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return rows by the values of some columns, in the order in which they come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _context(rows: Sequence[Row], metrics: Sequence[str], group: str) -> dict[str, str]:
    """Return the targets that a line's metrics are about, the steps that they were measured at, how many seeds."""
    shown = {(metric, about(metric).group(group)) for metric in metrics}
    in_group = [row for row in rows if row["group"] == group]
    targets = {row["metric"]: row["target"] for row in rows if (row["metric"], row["group"]) in shown}
    steps = sorted({row["step"] for row in in_group})
    return {
        "target": ", ".join(dict.fromkeys(targets[metric] for metric in metrics if metric in targets)),
        "step": "–".join(dict.fromkeys([str(steps[0]), str(steps[-1])])),
        "seeds": str(in_group[0]["seeds"]),
    }


def _shared(contexts: Sequence[Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Return what all lines have in common, in words, and the names of what they differ in."""
    apart = [name for name in contexts[0] if len({context[name] for context in contexts}) > 1]
    words = {
        "target": f"target {contexts[0]['target']}",
        "step": f"step {contexts[0]['step']}",
        "seeds": "1 seed" if contexts[0]["seeds"] == "1" else f"{contexts[0]['seeds']} seeds",
    }
    return [text for name, text in words.items() if name not in apart and contexts[0][name]], apart


def _said(said: Said | None) -> str:
    if said is None:
        return _MISSING
    return interval(said.value, said.low, said.high)


def _statuses(rows: Sequence[Row]) -> str:
    return ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items())
