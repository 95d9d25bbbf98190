"""Ids of cells stay what they were when the version of their task was raised last: results of before are hits."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

import estimators
import tasks
from bench.decoding import Decoder
from bench.execution import grounds
from bench.execution.plan import Request, make_plan
from bench.names.spec import Spec
from bench.settings import Cell, Measurement, Training
from tasks.base import Data, Task
from tasks.data import DataUnavailable
from tasks.images.vae_images import VAEFaces

# Every task with an estimator that fits it, and every estimator on a task that it fits, all settings left out.
IDS: dict[str, str] = json.loads(Path(__file__).with_name("ids.json").read_text())


def _data(_: Spec, task: Task) -> Data:
    """Return a task's data, or blank images where they do not come with the installation."""
    try:
        return task.load()
    except DataUnavailable:
        images = torch.zeros(1000, 20 * 28 if isinstance(task, VAEFaces) else 28 * 28, dtype=torch.uint8)
        return Data(images, images[:10], "blank images")


@pytest.mark.parametrize("pair", IDS)
def test_an_id_is_that_of_before(pair: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    task, estimator = pair.split()
    (cell,) = make_plan(Request((Spec(task),), (Spec(estimator),)), _data).cells
    assert cell.id == IDS[pair]


def test_every_name_of_the_first_version_has_an_id() -> None:
    named = {name for pair in IDS for name in pair.split()}
    assert named <= {*tasks.INDEX, *estimators.INDEX}
    assert len(named) == 53 + 35


@pytest.mark.parametrize(
    ("device", "dtype", "kept"), [("cuda", "float32", False), ("cuda", "float64", True), ("cpu", "float32", True)]
)
def test_tf32_makes_another_cell_where_it_changes_numbers(
    device: Literal["cpu", "cuda"], dtype: Literal["float32", "float64"], kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No GPU is needed to know what a cell on one is called.
    monkeypatch.setattr(grounds, "require_parameters_in_memory", lambda *_: None)
    monkeypatch.setattr(grounds, "require_draws_in_memory", lambda *_: None)
    asked = Request((Spec("gaussian-quadratic"),), (Spec("reinforce"),), device=device, dtype=dtype)
    (without,), (allowed,) = make_plan(asked).cells, make_plan(replace(asked, tf32=True)).cells
    assert "tf32" not in without.identity()
    assert (allowed.id == without.id) is kept
    assert (allowed.configuration == without.configuration) is kept
    decoder: Decoder[Cell] = Decoder(Cell, optional=(Cell, Training, Measurement))
    assert decoder.decode(json.dumps(allowed.identity()).encode()) == allowed
