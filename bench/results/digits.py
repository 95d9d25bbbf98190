"""Numbers as text, in everything that is printed: digits follow the error, one notation within an interval, one minus.

A number is written in full from a thousandth up to a hundred thousand, and otherwise as `1.2e−33`. CSV has raw numbers.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

_LEAST, _MOST, _SMALLEST = 1e-3, 1e5, 1e-5
_DIGITS: Final = 2
"""Significant digits of an error."""
_ALL: Final = 17
"""Significant digits that tell any two float64 apart."""
_SAME: Final = 1e-13
"""Share of a value that no interval is as narrow as."""
_LOPSIDED: Final = 10
"""How many times as long as the other an interval's arm is from which on they are rounded apart."""


class Rounded(NamedTuple):
    """A value and its error as multiples of a power of ten, rounded alike; the error is empty where there is none."""

    value: str
    error: str
    power: int


def minus(text: str) -> str:
    """Return a text with true minus signs."""
    return text.replace("-", "−")


def number(value: float, digits: int = 4) -> str:
    """Return a number of which the error is unknown, with this many significant digits but no zeros at their end."""
    text, _, power = rounded(value, math.nan, digits)
    return minus(f"{text}e{power}" if power else text)


def apart(first: float, second: float, digits: int = 4) -> tuple[str, str]:
    """Return two numbers with as many significant digits as it takes to tell them apart, and no fewer than `digits`.

    >>> apart(0.57861, 0.57864), apart(9.0, 9.0000002), apart(1.5, 2.0)
    (('0.57861', '0.57864'), ('9', '9.0000002'), ('1.5', '2'))
    """
    texts = number(first, digits), number(second, digits)
    while texts[0] == texts[1] and first != second and digits < _ALL:
        digits += 1
        texts = number(first, digits), number(second, digits)
    return texts


def rounded(value: float, error: float, digits: int = 4) -> Rounded:
    """Return a value and its error, both rounded to the error's second digit.

    An error that is unknown, or zero, is empty, and leaves the value so many significant digits.
    """
    if not math.isfinite(value):
        return Rounded(str(value), "", 0)
    known = error > 0 and math.isfinite(error)
    power = 0 if _in_full([value, error if known else 0.0]) else _exponent(max(abs(value), error if known else 0.0))
    if not known:
        text = f"{round(value, digits - 1 - _exponent(value)) / 10.0**power:.{digits}g}"
        return Rounded(f"{float(text):.0f}" if "e" in text else text, "", power)
    last = _last(error)
    places = max(0, power - last)
    texts = [f"{round(one, -last) / 10.0**power:.{places}f}" for one in (value, error)]
    return Rounded(texts[0], texts[1], power)


def plus_minus(value: float, error: float, sign: str = " ± ") -> str:
    """Return `−25.590 ± 0.028`, or `(1.0 ± 1.0)e−33`."""
    text, margin, power = rounded(value, error)
    text = f"{text}{sign}{margin}" if margin else text
    if power:
        text = f"({text})e{power}" if margin else f"{text}e{power}"
    return minus(text)


def percent(value: float, share: float) -> str:
    """Return `237 ±1.3%`: a value with a relative error, to whose first digit it is rounded."""
    first = min(_exponent(share * value), _exponent(value) - 1)
    return minus(f"{_at(value, first, _in_full([value]))} ±{number(100 * share, 2)}%")


def interval(value: float, low: float, high: float, write: Callable[[str], str] = str) -> str:
    """Return `46 [26, 150]`: all three rounded to the second digit of half the interval.

    Of one that is lopsided, each end goes by its own distance to the value, and the value by the smaller. What is not
    zero is never written as zero. `write` is given every number's text.
    """
    # The seeds of one step have the same time each, except for the last bits of their mean.
    if high - low <= _SAME * abs(value) or math.isnan(low) or math.isnan(high):
        return write(number(value))
    below, above = (arm if arm > 0 and math.isfinite(arm) else 0.0 for arm in (value - low, high - value))
    smaller = min(below or above, above or below) or abs(value)
    below, above = below or smaller, above or smaller
    lopsided = max(below, above) > _LOPSIDED * smaller
    errors = (smaller, below, above) if lopsided else [(below + above) / 2] * 3
    in_full = _in_full([value, low, high])
    texts = [
        write(minus(_at(one, _place(one, error), in_full)))
        for one, error in zip((value, low, high), errors, strict=True)
    ]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def _in_full(values: Iterable[float]) -> bool:
    """Return whether numbers that stand together are readable without powers of ten."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    return not sizes or (_LEAST <= max(sizes) < _MOST and min(sizes) >= _SMALLEST)


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0


def _last(error: float) -> int:
    """Return the place of an error's second digit, that of tenths being −1; of 0.0996 it is that of 0.10."""
    return _exponent(float(f"{error:.{_DIGITS - 1}e}")) - _DIGITS + 1


def _place(value: float, error: float) -> int:
    """Return the place to round to: that of the error, or as far down as it takes to show two digits of the value."""
    last = _last(error) if error else _exponent(value) - 3
    return last if abs(value) >= 10.0**last / 2 or value == 0 else _exponent(value) - _DIGITS + 1


def _at(value: float, last: int, in_full: bool) -> str:
    """Return a number rounded at a place, in full or with its own power of ten."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    value = round(value, -last)
    if in_full:
        return f"{value:.{max(0, -last)}f}"
    power = _exponent(value)
    return f"{value / 10.0**power:.{max(0, power - last)}f}e{power}"
