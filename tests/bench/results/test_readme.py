import re
from dataclasses import fields
from pathlib import Path

import pytest

from bench.fields import Column
from bench.results.columns import FINAL, GRADIENTS, IDENTITY, RUNS, TABLES, TRAINING
from bench.results.metrics import METRICS
from bench.results.schema import SCHEMA_VERSION, Final, GradientRow, Record, RunInfo, TrainingRow
from bench.settings import Measurement, Training

PAGE = (Path(__file__).resolve().parents[3] / "results" / "README.md").read_text()


def _documented(heading: str, head: str) -> list[list[str]]:
    """Return the rows of the table with this head under this heading, the ticks around names taken off."""
    section = re.split(r"^#+ ", PAGE.partition(f" {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    table = section.partition(f"| {head} |\n")[2].partition("\n\n")[0].splitlines()[1:]
    rows = [[word.strip() for word in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]
    return [[row[0].strip("`"), *(word.replace("\\|", "|") for word in row[1:])] for row in rows]


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Columns of the cell", IDENTITY),
        ("`gradients`", GRADIENTS[len(IDENTITY) :]),
        ("`training`", TRAINING[len(IDENTITY) :]),
        ("`final`", FINAL[len(IDENTITY) :]),
        ("`runs`", RUNS),
    ],
)
def test_every_column_is_documented(heading: str, columns: tuple[Column, ...]) -> None:
    assert _documented(heading, "column | type | unit | meaning") == [list(column) for column in columns]


def test_every_metric_is_documented() -> None:
    rows = _documented("`gradients`", "metric | unit | meaning")
    assert rows == [[name, metric.unit, metric.meaning] for name, metric in METRICS.items()]


def test_every_key_of_a_record_is_documented() -> None:
    keys = [row[0] for row in _documented("The record", "key | holds")]
    assert keys == ["schema_version", *(field.name for field in fields(Record))]
    assert f"version of this layout, now {SCHEMA_VERSION};" in PAGE


@pytest.mark.parametrize(
    ("table", "source", "prefix"),
    [
        ("gradients", GradientRow, ""),
        ("training", TrainingRow, ""),
        ("final", Final, ""),
        ("final", Training, "training_"),
        ("final", Measurement, "measurement_"),
        ("runs", RunInfo, ""),
    ],
)
def test_nothing_recorded_is_missing_from_the_tables(table: str, source: type, prefix: str) -> None:
    names = {column.name for column in TABLES[table]}
    assert {f"{prefix}{field.name}" for field in fields(source)} <= names


def test_names_of_columns_are_distinct() -> None:
    for columns in TABLES.values():
        assert len({column.name for column in columns}) == len(columns)
