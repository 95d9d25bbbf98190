"""What configurations are called where several are compared: no more than tells them apart."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from bench.registry import ESTIMATORS

_SETTINGS: Final = ("task_version", "estimator_version", "dataset", "dtype", "device")


def place(estimator: str) -> tuple[int, str]:
    """Return what to sort estimators by: their order in the registry, then strangers by name."""
    names = ESTIMATORS.names()
    return (names.index(estimator) if estimator in names else len(names), estimator)


def differing_settings(namesakes: pd.DataFrame) -> list[str]:
    """Return the columns of `final` that hold settings, and in which these rows differ."""
    settings = [key for key in namesakes if key in _SETTINGS or str(key).startswith(("training_", "measurement_"))]
    return [str(key) for key in settings if namesakes[key].nunique(dropna=False) > 1]


def configurations(final: pd.DataFrame) -> pd.DataFrame:
    """Return a row per configuration, in the registry's order: what its line and its panel are called.

    Columns: configuration, task, estimator, samples; `panel`, the task with what tells it from its namesakes, and K
    where the task has only one; `label`, the estimator with what tells it from its namesakes on that task; and
    `variant`, which of the estimator's lines it is.
    """
    one_each = final.drop_duplicates("configuration")
    known = one_each[["configuration", "task", "task_parameters", "estimator", "estimator_parameters", "samples"]]
    known = known.assign(panel="", label="", variant=0)
    tasks = {task: _differing(of["task_parameters"]) for task, of in known.groupby("task", sort=False)}
    parts = []
    for (task, parameters), of_task in known.groupby(["task", "task_parameters"], sort=False):
        several = of_task["samples"].nunique() > 1
        name = _with(str(task), tasks[task][parameters])
        panel = name if several else f"{name}, K = {of_task['samples'].iloc[0]}"
        for estimator, of_estimator in of_task.groupby("estimator", sort=False):
            of_estimator = of_estimator.sort_values("samples", kind="stable")
            short = _differing(of_estimator["estimator_parameters"])
            settings = _settings(one_each.loc[of_estimator.index])
            labels = [
                _with(str(estimator), short[row.estimator_parameters])
                + (f", K = {row.samples}" if several else "")
                + settings[index]
                for index, row in zip(of_estimator.index, of_estimator.itertuples(), strict=True)
            ]
            parts.append(of_estimator.assign(panel=panel, label=labels, variant=range(len(of_estimator))))
    named = pd.concat(parts)
    order = named["estimator"].map(place)
    return named.assign(_order=order).sort_values(["task", "panel", "_order", "variant"]).drop(columns="_order")


def _differing(texts: Iterable[str]) -> dict[str, str]:
    """Return each `name=value, ...` without the parameters that all have alike."""
    sets = {text: [part for part in str(text).split(", ") if part] for text in dict.fromkeys(texts)}
    common = set.intersection(*(set(parts) for parts in sets.values()))
    return {text: ", ".join(part for part in parts if part not in common) for text, parts in sets.items()}


def _settings(rows: pd.DataFrame) -> dict[object, str]:
    """Return the settings in which configurations of one estimator and K differ, by row."""
    texts = dict.fromkeys(rows.index, "")
    for _, namesakes in rows.groupby(["estimator_parameters", "samples"], sort=False):
        differing = differing_settings(namesakes)
        for index in namesakes.index:
            texts[index] = "".join(
                f", {key.removeprefix('training_').removeprefix('measurement_')}={namesakes.at[index, key]}"
                for key in differing
            )
    return texts


def _with(name: str, parameters: str) -> str:
    return f"{name}({parameters})" if parameters else name
