from dataclasses import fields

import pytest

from bench.results.columns import FINAL
from bench.results.metrics import ACTIVE_UNITS, FINAL_VALUES, METRICS, Metric, about
from bench.results.schema import Final


@pytest.mark.parametrize(
    ("metric", "unit", "better"),
    [
        ("variance", "", -1),
        ("snr", "1", 1),
        ("test_elbo", "", 1),
        ("log_evidence", "nats", 0),
        ("objective", "cost", -1),
        ("objective", "nats", 1),
        ("another", "1", 0),
    ],
)
def test_directions(metric: str, unit: str, better: int) -> None:
    assert about(metric).direction(unit) == better


def test_a_final_value_is_a_column() -> None:
    columns = {column.name: column for column in FINAL}
    for metric in (*FINAL_VALUES.values(), ACTIVE_UNITS):
        assert (columns[metric.name].unit, columns[metric.name].meaning) == (metric.unit, metric.meaning)


def test_a_number_that_training_ends_with_is_a_final_value() -> None:
    numbers = {field.name for field in fields(Final) if field.type == (float | None)}
    assert numbers - set(FINAL_VALUES) == {name for name in numbers if name.endswith("_se")}


def test_what_has_the_same_name_in_both_tables_is_the_same_thing() -> None:
    def facts(metric: Metric) -> tuple[object, ...]:
        return metric.unit, metric.label, metric.better, metric.positive

    for name in METRICS.keys() & FINAL_VALUES.keys():
        assert facts(METRICS[name]) == facts(FINAL_VALUES[name])


def test_what_is_positive_is_not_negative() -> None:
    assert all(metric.limits[0] >= 0 for metric in METRICS.values() if metric.positive)
