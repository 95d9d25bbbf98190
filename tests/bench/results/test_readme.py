from dataclasses import fields

import pytest

from bench.results.columns import TABLES
from bench.results.schema import SCHEMA_VERSION, Record
from tests.bench.results.readme import PAGE, made

TEXT = PAGE.read_text()


def test_every_column_and_metric_is_documented() -> None:
    assert made(TEXT) == TEXT, "python -m tests.bench.results.readme writes the page anew"


def test_a_table_that_has_no_place_on_the_page_is_missed() -> None:
    with pytest.raises(ValueError, match="made: final"):
        made(TEXT.replace("made: final", "made by hand"))


def test_every_key_of_a_record_is_documented() -> None:
    table = TEXT.partition("| key | holds |\n| --- | --- |\n")[2].partition("\n\n")[0]
    keys = [line.split("`")[1] for line in table.splitlines()]
    assert keys == ["schema_version", "sha256", *(field.name for field in fields(Record))]
    assert f"version of this layout, now {SCHEMA_VERSION};" in TEXT


def test_names_of_columns_are_distinct() -> None:
    for columns in TABLES.values():
        assert len({column.name for column in columns}) == len(columns)
