"""What configurations are called where several are compared: no more than tells them apart."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from bench.errors import UsageError
from bench.names.registry import ESTIMATORS, Registry
from bench.names.spec import parse_spec
from bench.results.columns import IDENTITY, NAMED, SETTINGS
from bench.results.frames import distinct, grouped, ordered, records, series, where
from bench.results.order import by_number, place

_SETTINGS: Final = {column.name for column in (*IDENTITY, *SETTINGS)} - {"cell", "configuration", "seed", *NAMED}


def differing_settings(namesakes: pd.DataFrame) -> list[str]:
    """Return the columns of `final` that hold settings, and in which these rows differ."""
    if len(namesakes) == 1:
        return []
    settings = [key for key in namesakes if key in _SETTINGS]
    return [str(key) for key in settings if len(set(series(namesakes, str(key)).astype(str))) > 1]


def settings_apart(rows: pd.DataFrame, *same: str) -> dict[object, list[str]]:
    """Return by row, as `name=value`, the settings in which it differs from rows that agree in the columns `same`.

    A setting that a row does not have is not named: its namesakes, which have it, are.
    """
    texts: dict[object, list[str]] = {index: [] for index in rows.index}
    # Most have no namesakes, and a large folder has many.
    for _, namesakes in grouped(where(rows, rows.duplicated(list(same), keep=False)), *same):
        differing = differing_settings(namesakes)
        for index, *values in namesakes[differing].itertuples():
            texts[index] = [
                f"{name.removeprefix('training_').removeprefix('measurement_')}={value}"
                for name, value in zip(differing, values, strict=True)
                if not (pd.isna(value) or value == "")
            ]
    return texts


def configurations(final: pd.DataFrame) -> pd.DataFrame:
    """Return a row per configuration, in the registry's order: what its line and its panel are called.

    Columns: configuration, task, estimator, samples, and

    - `task_label`: the task with what tells it from its namesakes; `panel`: the same, with K where the task has one;
    - `name`: the estimator with what tells it from its namesakes on that task; `label`: the same, with K where the task
      has several;
    - `variant`: which of the estimator's configurations on the task it is, counted from 0.
    """
    one_each = final.drop_duplicates("configuration")
    known = one_each[["configuration", *NAMED]]
    known = known.assign(panel="", task_label="", name="", label="", variant=0)
    settings = settings_apart(one_each, *NAMED)
    tasks = {task: _differing(of["task_parameters"]) for (task,), of in grouped(known, "task")}
    parts = []
    for (task, parameters), of_task in grouped(known, "task", "task_parameters"):
        several = len(distinct(of_task, "samples")) > 1
        name = _with(str(task), tasks[task][parameters])
        panel = name if several else f"{name}, K = {of_task['samples'].iloc[0]}"
        for (estimator,), of_estimator in grouped(of_task, "estimator"):
            of_estimator = of_estimator.sort_values("samples", kind="stable")
            short = _differing(of_estimator["estimator_parameters"])
            names = [
                ", ".join([_with(estimator, short[row.estimator_parameters]), *settings[row.Index]])
                for row in records(of_estimator)
            ]
            labels = [
                f"{name}, K = {row.samples}" if several else name
                for name, row in zip(names, records(of_estimator), strict=True)
            ]
            labelled = of_estimator.assign(panel=panel, task_label=name, name=names, label=labels)
            by_name = ordered(labelled, lambda row: (row.samples, by_number(row.name)))
            parts.append(by_name.assign(variant=range(len(labelled))))
    return ordered(pd.concat(parts), lambda row: (row.task, by_number(row.panel), place(row.estimator), row.variant))


def briefly(registry: Registry, name: str, parameters: str) -> str:
    """Return a name with the parameters that do not have their default values, given as a table has them.

    What is not ours is not imported to read a table, and keeps all its parameters.
    """
    text = _with(name, parameters)
    if not registry.is_ours(name):
        return text
    try:
        return registry.brief(parse_spec(text))
    except UsageError:
        return text


def spelled(final: pd.DataFrame) -> dict[str, str]:
    """Return the estimator of each configuration as people write it, with the settings that tell it from namesakes."""
    one_each = final.drop_duplicates("configuration")
    briefs = [briefly(ESTIMATORS, row.estimator, row.estimator_parameters) for row in records(one_each)]
    named = one_each.assign(brief=briefs)
    settings = settings_apart(one_each, *NAMED)
    names = {}
    for _, of_task in grouped(named, "task", "task_parameters"):
        spellings: dict[str, set[str]] = {}
        for row in records(of_task):
            spellings.setdefault(row.brief, set()).add(row.estimator_parameters)
        for row in records(of_task):
            # Records of another version may have other parameters, or other defaults.
            is_clear = len(spellings[row.brief]) == 1
            name = row.brief if is_clear else _with(row.estimator, row.estimator_parameters)
            names[row.configuration] = ", ".join([name, *settings[row.Index]])
    return names


def _differing(texts: Iterable[str]) -> dict[str, str]:
    """Return each `name=value, ...` without the parameters that all have alike."""
    sets = {text: [part for part in str(text).split(", ") if part] for text in dict.fromkeys(texts)}
    common = set.intersection(*(set(parts) for parts in sets.values()))
    return {text: ", ".join(part for part in parts if part not in common) for text, parts in sets.items()}


def _with(name: str, parameters: str) -> str:
    return f"{name}({parameters})" if parameters else name
