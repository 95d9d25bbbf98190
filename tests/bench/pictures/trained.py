"""Small tasks of images, and their runs in a results folder, without any training."""

from pathlib import Path

import torch

from bench.names.registry import TASKS
from bench.names.spec import parse_spec
from bench.pictures.images import ImageData
from bench.results.store import Store
from tasks.base import Task
from tasks.parts.image_vae import ImageVAE
from tests.bench.results.samples import cell, record

WIDTH = 28


def build(spec: str) -> ImageVAE:
    """Return a task at initial parameters that a seed fixes."""
    task = _any(spec)
    assert isinstance(task, ImageVAE)
    return task


def _any(spec: str) -> Task:
    torch.manual_seed(0)
    return TASKS.build(parse_spec(spec))


def images(count: int = 60, labelled: bool = True) -> ImageData:
    """Return binary images with labels 0, 1, 2 in turn; each image holds its label's number of rows of ink."""
    labels = torch.arange(count) % 3
    x = torch.zeros(count, WIDTH, WIDTH)
    for label in range(3):
        x[labels == label, : 4 * label + 4] = 1
    x = x.flatten(1)
    return ImageData(x, labels.numpy() if labelled else None, ("none", "one", "two") if labelled else (), WIDTH, True)


def finish(folder: Path, spec: str, **changes: object) -> Path:
    """Write the record of a finished run and its parameters; return the cell's folder."""
    parsed = parse_spec(spec)
    made = cell(task=parsed.name, task_parameters=TASKS.parameters(parsed))
    store = Store(folder)
    store.write(record(made, **changes))
    torch.save(_any(spec).state_dict(), store.parameters_path(made))
    return store.parameters_path(made).parent
