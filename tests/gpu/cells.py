"""Whole cells on fake CUDA tensors: `python -m tests.gpu.cells FOLDER CELLS`, in JSON [[TASK, ESTIMATOR, settings]].

Two seeds of each are trained in one step, cut off, and go on from their checkpoints to their records. With `alone`
among the settings one is trained by plain autograd, and with a `fault` something is broken (`tests.gpu.faulty`). It
prints a line of JSON for each. The folder is where the stand-in of a driver is built, and results are.
"""

import sys
from pathlib import Path

from tests.gpu import driver

if __name__ == "__main__":
    driver.load(Path(sys.argv[1]))

import json
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Final, final

import pytest
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.execution import cell as cell_module
from bench.execution import checkpoint, meter
from bench.execution.making import Making
from bench.execution.meter import KnownReferences
from bench.execution.plan import Request, make_plan
from bench.execution.run_cells import run_alone, run_together
from bench.execution.sources import Source, sources_of
from bench.measure import chunk, cost, layers, rounding
from bench.measure.moments import GROUPS
from bench.measure.replicates import Replicator
from bench.names.spec import parse_spec
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell
from tasks.base import Data
from tests.gpu.fake import short
from tests.gpu.faulty import FAULTS
from tests.gpu.stand_ins import Graph, install
from tests.gpu.watch import Watch

STEPS: Final = 16
SMALL: Final[dict[str, Any]] = {
    "seeds": (0, 1),
    "steps": STEPS,
    "replicates": 3 * GROUPS,
    "checkpoints": 1,
    "evaluation_samples": 5,
    "batch_size": 4,
    "device": "cuda",
}
CUT: Final = 10
"""The step after which a run is cut off."""


@dataclass
class Found:
    """What came of a cell.

    Attributes:
        error: what stopped it, if anything did.
        records: status and notes of each.
        resumed: the step that it went on from.
        replays: of CUDA graphs.
        events: what was waited for, by stage and line, and how often; `capture` is all that a graph would hold.
    """

    cell: str
    error: str = ""
    records: list[tuple[str, list[str]]] = field(default_factory=list)
    resumed: int = 0
    replays: int = 0
    events: list[tuple[str, str, str, int]] = field(default_factory=list)


@final
class Heard:
    """Tells `Watch` what is done, and cuts a training off."""

    def __init__(self, watch: Watch, until: int) -> None:
        self._watch, self._until = watch, until
        self.first = STEPS

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        self._watch.stage = name
        if name == "train":
            self.first = min(self.first, int(done))
            if done > self._until:
                raise KeyboardInterrupt

    def warn(self, message: str) -> None:
        pass


def run(cells: Sequence[Cell], data: Data, store: Store, listeners: Sequence[Heard], watch: Watch) -> list[Record]:
    """Run cells together, or one alone."""
    watch.stage = "build"
    with FakeTensorMode(allow_non_fake_inputs=True), watch:
        if len(cells) == 1:
            return [run_alone(cells[0], data, store, Making("now"), listeners[0], KnownReferences(), Source())]
        together = cells, data, store, Making("now"), listeners, KnownReferences(), sources_of(cells)
        return [*run_together(*together)]


def tried(task: str, estimator: str, changes: dict[str, Any], folder: Path, watch: Watch) -> Found:
    """Return what came of a cell that was cut off and went on."""
    found = Found(f"{task} × {estimator}" + "".join(f", {name}={value}" for name, value in changes.items()))
    is_alone, fault = changes.pop("alone", False), changes.pop("fault", None)
    plan = make_plan(Request((parse_spec(task),), (parse_spec(estimator),), **{**SMALL, **changes}))
    # A precision is out of reach where all numbers are one.
    capped = [replace(cell, measurement=replace(cell.measurement, replicates_cap=3 * GROUPS)) for cell in plan.cells]
    cells = capped[:1] if is_alone else capped
    (data,) = plan.data.values()
    store = Store(folder / cells[0].id)
    for cell in cells:
        store.record_path(cell).parent.mkdir(parents=True, exist_ok=True)
    watch.events, Graph.replays = Counter(), 0
    heard = [Heard(watch, STEPS) for _ in cells]
    with pytest.MonkeyPatch.context() as patch:
        if fault is not None:
            FAULTS[fault](patch)
        try:
            with suppress(KeyboardInterrupt):
                run(cells, data, store, [Heard(watch, CUT) for _ in cells], watch)
            found.records = [(record.status, record.notes) for record in run(cells, data, store, heard, watch)]
        except Exception as error:
            found.error = short(error)
    found.resumed, found.replays = heard[0].first, Graph.replays
    found.events = [(*key, number) for key, number in sorted(watch.events.items())]
    return found


def shorten() -> None:
    """Leave out repetitions: an operation on fake tensors takes a hundred times as long as one on numbers."""
    chunk.fastest_way = partial(many_at_once, chunk.fastest_way)
    cost.seconds = partial(cost.seconds, budget=0.0, least=9)
    checkpoint._SECONDS = 0.0
    layers._LARGE = 0
    rounding._DRAWS = 1
    meter._NESTED_BATCHES = 3
    cell_module._SETTLING_STEPS = 2


def many_at_once(search: Callable[..., int], replicator: Replicator, x: Tensor, replicates: int) -> int:
    """Search as ever, but draw by layer where that is possible, and as many at once as every group gets some of."""
    search(replicator, x, replicates)
    replicator.layers = replicator.layers_on(x)
    return 2 * GROUPS


def main(folder: Path, cells: str) -> None:
    """Print what comes of each."""
    warnings.simplefilter("ignore")
    watch = Watch()
    install(watch)
    shorten()
    for task, estimator, changes in json.loads(cells):
        print(json.dumps(asdict(tried(task, estimator, changes, folder, watch))), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
