"""The topics of a trained model of documents: as pictures, and in words."""

from collections.abc import Iterator
from typing import Final

import torch
from matplotlib.figure import Figure
from torch import Tensor

from bench.figures.axes import legend_below
from bench.figures.grid import grid, tiles
from bench.figures.page import Page
from bench.figures.ticks import ticks
from bench.pictures.trained import Trained
from tasks.base import Task
from tasks.latent_variables.lda import LDA

_WORDS: Final = 8
_ACROSS: Final = 5
_NOTE: Final = "a square per topic, a place in it per word; black: the most probable word"


@torch.no_grad()
def draw(task: LDA, data: Tensor, page: Page) -> Figure:
    """Return a picture per topic of what its words' probabilities are.

    The words of generated documents are the places of a square, which is shown, each topic on its own scale from 0;
    else the eight most probable ones have a bar each.
    """
    probabilities = task.model.logits.softmax(-1)
    return _squares(task, probabilities, page) if task.is_generated else _bars(task, probabilities, page)


def _squares(task: LDA, probabilities: Tensor, page: Page) -> Figure:
    figure, axes = tiles(page, len(probabilities), min(_ACROSS * page.columns, len(probabilities)), [], _NOTE)
    for place, row in zip(axes, probabilities, strict=True):
        place.imshow(row.unflatten(0, (task.side, task.side)).numpy(), cmap="gray_r", vmin=0, interpolation="none")
    legend_below(figure, [], page, _NOTE)
    return figure


def _bars(task: LDA, probabilities: Tensor, page: Page) -> Figure:
    topics = task.topics(_WORDS)
    figure, axes = grid(page, len(topics), 2 * page.columns - 1, height=0.35 + _WORDS * 1.5 * page.small / 72)
    for number, (place, words, row) in enumerate(zip(axes, topics, probabilities, strict=True), start=1):
        place.barh(words, row.topk(len(words)).values.numpy(), height=0.7, color="#004488", alpha=0.75, linewidth=0)
        place.invert_yaxis()
        place.tick_params(axis="y", length=0)
        place.xaxis.set_major_locator(ticks(2))
        place.set_title(f"topic {number}", loc="left")
    return figure


def topic_lines(run: Trained, task: Task) -> Iterator[str]:
    """Yield the name of a run and a line for each topic, its ten most probable words, the most probable first."""
    assert isinstance(task, LDA)
    yield f"{run.record.cell.folder}"
    for number, words in enumerate(task.topics(), start=1):
        yield f"  topic {number}: {', '.join(words)}"
