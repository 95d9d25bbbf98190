"""Records of a recipe's cells with invented numbers, so that its tables and its figure are made without running it."""

from pathlib import Path

from bench.reproduce.recipe import Ran, Recipe
from bench.reproduce.run import plan_of
from bench.results.schema import Final, GradientRow, Record, TrainingRow
from bench.results.store import Store
from bench.results.tables import load
from bench.settings import Cell
from tests.bench.results.samples import RUN, gradient, record

METRICS = (
    "variance", "variance_mean", "bias", "bias_evidence", "relative_bias", "snr", "snr_mean", "cosine",
    "variance_sampling", "variance_minibatch",
)  # fmt: skip
GROUPS = ("all", "guide", "model", "guide.loc", "guide.scale")


def invented(recipe: Recipe, folder: Path) -> Ran:
    """Write a record for each cell of the recipe's quick version, all moments 1/K ± 10%, and return their tables."""
    store = Store(folder)
    store.write_run(RUN)
    plan = plan_of(recipe.quick, "cpu")
    for cell in plan.cells:
        store.write(_record(cell))
    return Ran(plan.cells, load(folder))


def _record(cell: Cell) -> Record:
    steps = [0, cell.training.steps // 2, cell.training.steps] if cell.training.steps else [0]
    rows: list[GradientRow] = []
    for step in steps:
        value = 1.0 / cell.samples + 0.01 * cell.seed
        rows += [gradient(metric, value, step, group) for metric in METRICS for group in GROUPS]
        rows.append(gradient("evaluations", float(cell.samples), step, "all"))
    training = [
        TrainingRow(step, 0.1 * step, -10.0 + 0.01 * step, 0.1, 1.0, 1.0, 1e-3, 1e-3)
        for step in range(10, cell.training.steps + 1, 10)
    ]
    ended = Final(
        "nats per datapoint", cell.training.steps, objective=0.25, objective_se=0.0, train_elbo=-9.0, test_elbo=-9.1,
        test_log_likelihood=-8.9, log_evidence=-8.5, gap=0.5, gap_se=0.0, evaluations=1.0, seconds_per_step=0.1,
    )  # fmt: skip
    return record(cell, gradients=rows, training=training, final=ended if cell.training.steps else None)
