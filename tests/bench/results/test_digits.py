import math

import pytest

from bench.results.digits import interval, number, percent, plus_minus


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-25.59012, 0.02831, "−25.590 ± 0.028"),
        (1.012e-33, 1e-33, "(1.0 ± 1.0)e−33"),
        (24_700.0, 5400.0, "24700 ± 5400"),
        (-0.00012, 0.0000111, "(−1.20 ± 0.11)e−4"),
        (5.0, 0.0996, "5.00 ± 0.10"),
        (3.0, math.inf, "3"),
        (-math.inf, math.nan, "−inf"),
    ],
)
def test_digits_follow_the_error(value: float, error: float, text: str) -> None:
    assert plus_minus(value, error) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (46.2, 26.0, 150.0, "46 [26, 150]"),
        (2.49, 0.60, 4.23, "2.5 [0.6, 4.2]"),
        (0.033, 0.0041, 0.056, "0.033 [0.004, 0.056]"),
        (-25.59, -25.618, -25.562, "−25.590 [−25.618, −25.562]"),
        (1.5, 0.0218, 103.4, "1.5 [0.022, 100]"),
        (2.5e-16, 1.9e-16, 3.2e-16, "2.50e−16 [1.90e−16, 3.20e−16]"),
        (0.0, 0.0, 4.1e15, "0 [0, 4.1e15]"),
        (1.0, 1.0, 1.0, "1"),
        (math.inf, math.nan, math.nan, "inf"),
        (2.0, 1.0, math.inf, "2.0 [1.0, inf]"),
        (0.0, 0.0, math.inf, "0 [0, inf]"),
    ],
)
def test_an_interval_has_one_notation(value: float, low: float, high: float, text: str) -> None:
    assert interval(value, low, high) == text


@pytest.mark.parametrize("size", [10.0**power for power in range(-40, 40, 3)])
@pytest.mark.parametrize("shape", [(1.0, 0.9, 1.2), (-1.0, -9.0, 0.01), (0.5, 1e-9, 1.0), (0.01, 0.0099, 40.0)])
def test_no_end_is_off_by_more_than_its_digits_say(size: float, shape: tuple[float, float, float]) -> None:
    """What is read back is within a tenth of the interval, has the sign that it had, and no hyphen for a minus."""
    value, low, high = numbers = [size * part for part in shape]
    text = interval(value, low, high)
    assert "-" not in text
    assert "+" not in text
    read = [float(word.strip("[,]").replace("−", "-")) for word in text.split()]
    assert read == pytest.approx(numbers, abs=0.1 * (numbers[2] - numbers[1]))
    assert [math.copysign(1, one) for one in read] == [math.copysign(1, one) for one in numbers]
    assert all(read)
    assert len({"e" in word for word in text.split()}) == 1


def test_a_relative_error_rounds_the_value_to_its_first_digit() -> None:
    assert [percent(237.1, 0.013), percent(2.41e7, 0.021), percent(0.5, 0.25)] == [
        "237 ±1.3%",
        "2.41e7 ±2.1%",
        "0.50 ±25%",
    ]


def test_a_number_alone_has_no_more_digits_than_it_is_given() -> None:
    assert [number(1.23456), number(-12.0), number(2.11e-5, 2), number(math.nan), number(12345.6)] == [
        "1.235",
        "−12",
        "2.1e−5",
        "nan",
        "12350",
    ]
