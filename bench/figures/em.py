"""`em`: log p(x) = ELBO + KL before and after E and M steps, as in Bishop (2006), figures 9.11 to 9.14."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from bench.figures.axes import legend_below
from bench.figures.grid import grid
from bench.figures.labels import number
from bench.figures.own_task import parameters_of
from bench.figures.page import Page
from bench.machine.streams import seeded
from bench.names.registry import TASKS
from bench.names.spec import parse_spec
from bench.results.frames import records
from bench.results.tables import Results
from tasks.base import Task

_TASK: Final = "ppca"
_PARAMETERS: Final = "covariance=full, n=200"
"""With which an E step reaches the posterior."""
_STAGES: Final = ("start", "E step", "M step", "E step", "M step")
_ELBO, _KL, _INK = "#004488", "#E69F00", "#1A1A1A"
_STEPS: Final = {"E step": 60, "M step": 15}
"""Of L-BFGS: an E step to its end, an M step on the way, so that a second one is seen."""


def rows(results: Results | None = None, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per stage: `elbo`, `kl` and their sum `log_evidence`, all exact, in the task's unit.

    An E step moves the guide φ alone to the largest ELBO, an M step the model θ alone towards one, on ppca's training
    data from its initial parameters; its parameters are those in the results, if there are any.

    Raises:
        ResultsError: the results have no cell of ppca.
    """
    parameters = parameters_of(_TASK, results, _PARAMETERS)
    with seeded(torch.device("cpu"), "figure", "em"):
        task = TASKS.build(parse_spec(f"{_TASK}({parameters})"))
    data = task.load()
    task.initialise(data)
    x = task.prepare(data.train)
    found = []
    for place, stage in enumerate(_STAGES):
        if stage != "start":
            _ascend(task, x, task.guide if stage == "E step" else task.model, _STEPS[stage])
        with torch.no_grad():
            elbo, evidence = (float(_exact(task, target, x).mean()) for target in ("elbo", "evidence"))
        found.append({"place": place, "stage": stage, "elbo": elbo, "kl": evidence - elbo, "log_evidence": evidence})
    return pd.DataFrame(found).assign(task=_TASK, panel=_TASK, parameters=parameters, unit=task.unit)


def _exact(task: Task, target: str, x: Tensor) -> Tensor:
    value = task.exact(target, x, 1)  # pyright: ignore[reportArgumentType]
    assert value is not None
    return value


def _ascend(task: Task, x: Tensor, moved: nn.Module, steps: int) -> None:
    """Raise the exact ELBO by moving one of guide and model."""
    parameters = list(moved.parameters())
    optimizer = torch.optim.LBFGS(parameters, max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -_exact(task, "elbo", x).mean()
        value.backward()
        return value

    closure: Callable[[], float] = loss  # pyright: ignore[reportAssignmentType]
    optimizer.step(closure)


def draw(shown: pd.DataFrame, page: Page) -> Figure:
    """Return a column per stage: the ELBO, on top of it the KL, and log p(x) as the line where both end."""
    figure, [place] = grid(page, 1, 1, ["log p(x)", "KL(q ‖ p(z|x))", "ELBO"], height=min(0.55 * page.width, 2.6))
    low, high = float(np.min(shown["elbo"])), float(np.max(shown["log_evidence"]))
    bottom = low - 0.25 * (high - low)
    for row in records(shown):
        _draw_stage(place, row, bottom)
    place.set_xticks(shown["place"], list(shown["stage"]))
    place.tick_params(axis="x", length=0)
    place.set_ylim(bottom, high + 0.12 * (high - low))
    place.set_ylabel(f"{shown['unit'].iloc[0]}")
    place.set_title(str(shown["task"].iloc[0]), loc="left")
    elbo, kl, evidence = place.patches[0], place.patches[1], place.lines[0]
    for artist, label in ((elbo, "ELBO"), (kl, "KL(q ‖ p(z|x))"), (evidence, "log p(x)")):
        artist.set_label(label)
    legend_below(figure, [evidence, kl, elbo], page)
    return figure


def _draw_stage(place: Axes, row: object, bottom: float) -> None:
    at, elbo, kl, evidence = (getattr(row, name) for name in ("place", "elbo", "kl", "log_evidence"))
    place.bar(at, elbo - bottom, 0.62, bottom, color=_ELBO, alpha=0.75, linewidth=0)
    place.bar(at, kl, 0.62, elbo, color=_KL, alpha=0.75, linewidth=0)
    place.plot([at - 0.4, at + 0.4], [evidence, evidence], color=_INK, linewidth=1.4)
    write: dict[str, Any] = {"ha": "center", "fontsize": "small", "textcoords": "offset points"}
    place.annotate(number(evidence), (at, evidence), (0, 2), va="bottom", **write)
    place.annotate(number(elbo), (at, elbo), (0, -3), va="top", color="white", **write)
