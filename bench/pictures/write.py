"""From a finished run to files of pictures, which say what they show."""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.figures.page import Format, Page
from bench.figures.save import save
from bench.machine.streams import seeded
from bench.pictures import Misfit, draw
from bench.pictures.subjects import data_of
from bench.pictures.trained import Trained
from tasks.base import Task


def pictures(
    run: Trained,
    task: Task,
    kinds: Sequence[str],
    out: Path,
    form: Format,
    page: Page,
    seed: int,
    refuse: Callable[[str], object],
) -> Iterator[Path]:
    """Write a file for each kind that fits a run of `task`, and give its path; `refuse` is told why another does not.

    Raises:
        ResultsError: a file cannot be written.
        UsageError: a figure does not fit on the page.
        DataUnavailable: the task's data are not there.
    """
    cpu = torch.device("cpu")
    # Dynamic binarization draws; a test set is binarized once, and this is for what a task of one's own may do.
    with seeded(cpu, seed, "samples"):
        data = data_of(task)
    for kind in kinds:
        try:
            with seeded(cpu, seed, "samples", kind):
                figure = draw(kind, task, data, page)
        except Misfit as misfit:
            refuse(str(misfit))
            continue
        file = out / f"{run.record.cell.folder}" / f"{kind}.{form}"
        save(figure, file, form, page, _provenance(run, kind, page, seed))
        yield file


def _provenance(run: Trained, kind: str, page: Page, seed: int) -> dict[str, Any]:
    return {
        "figure": f"samples, {kind}",
        "style": f"{page.style}, {page.columns} of 2 columns",
        "tasks": [str(run.record.cell.task_spec)],
        "cells": [run.record.cell.id],
        "run": run.record.run,
        "seed": seed,
        "varbench": version("varbench"),
    }
