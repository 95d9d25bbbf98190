"""Results folders of any size, as a grid leaves them.

    python -m tests.benchmarks.folders FOLDER --cells 10000

A record has the rows of one that was trained: six steps of every metric and group, 100 rows of training, about 100 KB;
with `--untrained`, of one that was measured where it begins, about 15 KB.
They are written without waiting for the disk, which is most of the time that `Store.write` takes.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Final

import click
import msgspec

from bench.names.registry import ESTIMATORS
from bench.results.codec import dump, with_digest
from bench.results.metrics import METRICS
from bench.results.schema import SCHEMA_VERSION, GradientRow, Planned, Record, TrainingRow
from bench.results.store import Store
from bench.settings import Cell
from tests.bench.results.samples import RUN, cell, gradient, record

GROUPS: Final = ("all", "guide", "model")
STEPS: Final = (0, 1, 4, 16, 40, 100)
SEEDS: Final = 20


def make(folder: Path, cells: int, seed: int = 0, *, trained: bool = True) -> list[Cell]:
    """Write a results folder of so many finished cells, with a note of each run of 500; return the cells."""
    chance, store = random.Random(seed), Store(folder)
    made = []
    for number, one in zip(range(cells), _grid(), strict=False):
        path = store.record_path(one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(_like(one, chance, _run(number), trained)))
        (path.parent / ".lock").touch()
        made.append(one)
    store.run_path("one").parent.mkdir(parents=True, exist_ok=True)
    for number in range(0, cells, 500):
        planned = [Planned(one.folder, one.task, one.estimator) for one in made[number : number + 500]]
        store.run_path(_run(number)).write_bytes(dump(replace(RUN, run=_run(number), cells=planned)))
    return made


def written(of: Record) -> bytes:
    """Return the same bytes as `codec.dump`, much sooner, of a record whose numbers are all finite."""
    # The rows of a record are encoded as they are: `asdict` would take ten times as long.
    data = {"schema_version": SCHEMA_VERSION, "sha256": "0" * 64, **vars(of), "cell": asdict(of.cell)}
    return with_digest(msgspec.json.format(msgspec.json.encode(data), indent=1))


def _run(number: int) -> str:
    return f"2026010{number // 500 % 9 + 1}T000000Z-{number // 500:06x}"


def _grid() -> Iterator[Cell]:
    """Give cells, task by task; five tasks of 25 estimators, four K and 20 seeds are 10 000."""
    names = ESTIMATORS.names()[:25]
    for hidden, name, samples, seed in product(range(50, 10_000, 50), names, (1, 2, 5, 10), range(SEEDS)):
        yield cell(
            task_parameters={"hidden": hidden}, estimator=name, estimator_parameters={}, samples=samples, seed=seed
        )


def _like(of: Cell, chance: random.Random, run: str, trained: bool) -> Record:
    steps = STEPS if trained else STEPS[:1]
    gradients = [_gradient(metric, step, group, chance) for step in steps for group in GROUPS for metric in _METRICS]
    training = [_training(step, chance) for step in range(1, 101 if trained else 1)]
    return record(of, run=run, gradients=gradients, training=training, seconds=10 * chance.random())


def _gradient(metric: str, step: int, group: str, chance: random.Random) -> GradientRow:
    value = math.exp(chance.gauss(0, 1))
    square = value**2 - 0.1 if metric in ("bias", "snr") else None
    return gradient(metric, value, step, group, square=square)


def _training(step: int, chance: random.Random) -> TrainingRow:
    objective, error, of_guide, of_model = (chance.random() for _ in range(4))
    return TrainingRow(step, step / 100, objective - 180, error, of_guide, of_model, model_lr=1e-3, guide_lr=1e-2)


_METRICS: Final = tuple(METRICS)[:13]


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--cells", default=10_000, show_default=True, help="how many")
@click.option("--untrained", is_flag=True, help="of cells that were not trained")
def main(folder: Path, cells: int, untrained: bool) -> None:
    click.echo(f"{len(make(folder, cells, trained=not untrained))} cells in {folder}")


if __name__ == "__main__":
    main()
