from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.results.naming import configurations
from bench.results.store import Store
from bench.results.tables import load
from tests.bench.results.samples import MEASUREMENT, TRAINING, cell, record


def _labels(folder: Path, *cells: dict[str, Any]) -> list[tuple[str, str, int]]:
    for changes in cells:
        Store(folder).write(record(cell(**changes)))
    named = configurations(load(folder).final)
    return list(zip(named["panel"], named["label"], named["variant"], strict=True))


def test_names_say_no_more_than_tells_configurations_apart(tmp_path: Path) -> None:
    assert _labels(tmp_path, {}, {"seed": 1}) == [("vae-mnist, K = 1", "rebar", 0)]


def test_k_is_in_the_label_where_a_task_has_several(tmp_path: Path) -> None:
    found = _labels(tmp_path, {"samples": 8}, {"samples": 2}, {"estimator": "reinforce", "samples": 2})
    assert found == [
        ("vae-mnist", "reinforce, K = 2", 0),
        ("vae-mnist", "rebar, K = 2", 0),
        ("vae-mnist", "rebar, K = 8", 1),
    ]


def test_a_setting_that_only_some_have_is_told_of_those(tmp_path: Path) -> None:
    found = _labels(
        tmp_path,
        {},
        {"measurement": replace(MEASUREMENT, replicates=400)},
        {"training": replace(TRAINING, model_schedule="robbins-monro")},
    )
    assert [label for _, label, _ in found] == ["rebar", "rebar, model_schedule=robbins-monro", "rebar, replicates=400"]


def test_parameters_and_settings_that_differ_are_told(tmp_path: Path) -> None:
    found = _labels(
        tmp_path,
        {"estimator_parameters": {"temperature": 0.3, "learned": True}},
        {"estimator_parameters": {"temperature": 0.7, "learned": True}},
        {"task_parameters": {"hidden": 10}, "training": replace(TRAINING, guide_lr=0.1)},
        {"task_parameters": {"hidden": 10}},
    )
    assert found == [
        ("vae-mnist(hidden=10), K = 1", "rebar, guide_lr=0.01", 0),
        ("vae-mnist(hidden=10), K = 1", "rebar, guide_lr=0.1", 1),
        ("vae-mnist(hidden=200), K = 1", "rebar(temperature=0.3)", 0),
        ("vae-mnist(hidden=200), K = 1", "rebar(temperature=0.7)", 1),
    ]
