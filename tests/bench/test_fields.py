"""Columns come from the fields of dataclasses, and a new setting cannot be forgotten."""

from dataclasses import dataclass, field, fields

import pytest

from bench.fields import Column, column, columns, columns_apart
from bench.results.columns import EXPERIMENT, FINAL
from bench.results.naming import differing_settings
from bench.results.tables import tidy
from bench.settings import Cell, Measurement, Training
from tests.bench.results.samples import MEASUREMENT, TRAINING, cell, record


@dataclass(frozen=True)
class Later(Training):
    """A setting that is added to those of today."""

    momentum: float | None = field(default=None, metadata=column("1", "share of the last step"))
    workers: int | None = field(default=None, metadata=column("1", "what only costs", apart=False))


@dataclass(frozen=True)
class Forgotten(Training):
    momentum: float = 0.0


def test_a_field_is_a_column() -> None:
    assert columns(Later, "training_")[-2:] == (
        Column("training_momentum", "float64", "1", "share of the last step"),
        Column("training_workers", "Int64", "1", "what only costs"),
    )
    assert columns(Training)[0] == Column("steps", "int64", "steps", "training steps asked for")
    assert columns(Training, optional=True)[0].dtype == "Int64"


def test_a_field_without_unit_and_meaning_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Forgotten\.momentum lacks"):
        columns(Forgotten)
    with pytest.raises(TypeError, match=r"Forgotten\.momentum lacks"):
        columns_apart(Forgotten)


def test_a_setting_tells_experiments_apart_unless_it_says_that_it_only_costs() -> None:
    assert set(columns_apart(Later)) - set(columns_apart(Training)) == {"momentum"}


ALIKE = {
    "seed",
    "task_version",
    "estimator_version",
    "measurement_replicates",
    "measurement_replicates_cap",
    "measurement_precision",
    "measurement_checkpoints",
    "measurement_evaluation_samples",
}
"""What cells of one experiment may differ in. To this list belongs what a reader may average over, nothing else."""


def test_every_setting_is_a_column_and_part_of_what_makes_an_experiment() -> None:
    settings = {
        *(one.name for one in fields(Cell) if one.name not in ("training", "measurement")),
        *(f"training_{one.name}" for one in fields(Training)),
        *(f"measurement_{one.name}" for one in fields(Measurement)),
    }
    assert settings <= {one.name for one in FINAL}
    assert set(EXPERIMENT) == settings - ALIKE


@pytest.mark.parametrize("setting", [one for one in FINAL if one.name.startswith(("training_", "measurement_"))])
def test_every_setting_that_differs_is_named(setting: Column) -> None:
    final = tidy([record(cell()), record(cell(seed=1))]).final
    other = "other" if setting.dtype == "string" else 77
    final[setting.name] = final[setting.name].where(final["seed"] == 0, other)
    assert differing_settings(final) == [setting.name]


def test_a_setting_that_came_later_leaves_ids_as_they_were_at_its_default() -> None:
    @dataclass(frozen=True)
    class Measured(Measurement):
        looks: int = 1

    later = cell(training=Later(**vars(TRAINING)), measurement=Measured(**vars(MEASUREMENT)))
    assert later.id == cell().id
    assert cell(training=Later(**vars(TRAINING), momentum=0.9)).id != cell().id
    assert cell(measurement=Measured(**vars(MEASUREMENT), looks=2)).id != cell().id
