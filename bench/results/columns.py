"""The columns of the tidy tables, from the dataclasses of what is recorded.

`results/README.md` shows the same to a reader; a test compares the two.
"""

from collections.abc import Sequence
from typing import Final

from bench.fields import Column, columns, columns_apart
from bench.results import schema
from bench.settings import Cell, Measurement, Training

PREFIXES: Final[dict[type, str]] = {Cell: "", Training: "training_", Measurement: "measurement_"}
"""What a cell's settings are recorded in, and what the names of their columns begin with."""


def _parted(of: Sequence[Column], *names: str) -> tuple[list[Column], list[Column]]:
    """Return the columns of these names, and the others."""
    return [one for one in of if one.name in names], [one for one in of if one.name not in names]


IDENTITY: Final[tuple[Column, ...]] = (
    Column("cell", "string", "", "id of the cell: a hash of everything that its results depend on"),
    Column("configuration", "string", "", "id without the seed: shared by cells that differ in nothing else"),
    *columns(Cell),
)

_SQUARE, _ROW = _parted(columns(schema.GradientRow), "square")
GRADIENTS: Final[tuple[Column, ...]] = (
    *IDENTITY,
    *_ROW,
    Column("unit", "string", "", "unit of the metric"),
    *_SQUARE,
)

TRAINING: Final[tuple[Column, ...]] = (*IDENTITY, *columns(schema.TrainingRow))

SETTINGS: Final[tuple[Column, ...]] = tuple(
    column for cls in (Training, Measurement) for column in columns(cls, PREFIXES[cls])
)

_STATUS, _RECORD = _parted(columns(schema.Record), "status", "reason")
_STEPS, _VALUES = _parted(columns(schema.Final, optional=True), "steps", "diverged_at")
FINAL: Final[tuple[Column, ...]] = (*IDENTITY, *_STATUS, *_VALUES, *_STEPS, *_RECORD, *SETTINGS)

RUNS: Final[tuple[Column, ...]] = columns(schema.RunInfo)

PLACE: Final = "datapoint"
"""The column of a datapoint's place in the test set: the rows of a cell's file are in that order, and do without."""

DATAPOINTS: Final[tuple[Column, ...]] = (*IDENTITY, *columns(schema.Datapoint))

TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "gradients": GRADIENTS,
    "training": TRAINING,
    "final": FINAL,
    "runs": RUNS,
    "datapoints": DATAPOINTS,
}

TIME_TO: Final = "time-to"
"""The table that is made of others: the time to a target."""

KINDS: Final = (*TABLES, TIME_TO)
"""What `bench table` shows."""

EXPERIMENT: Final[tuple[str, ...]] = tuple(
    name for cls, prefix in PREFIXES.items() for name in columns_apart(cls, prefix)
)
"""The columns in which cells of one experiment agree. Left out: seed, versions, and how precisely was measured."""

NAMED: Final = ("task", "task_parameters", "estimator", "estimator_parameters", "samples")
"""The columns that name a line of a table. What else differs is a setting, or the seed."""

AXES: Final = ("estimator", "task", "samples", "group", "metric")
"""What a table that compares may have down and across."""
