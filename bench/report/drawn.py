"""Figures as a page draws them: rows with a few columns that are the same for all, and what a reader may choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from bench import escaping
from bench.figures.palette import Look, on_dark
from bench.report.charts import Chart
from bench.results.digits import interval, number
from bench.results.frames import records

_DIGITS: Final = 6
"""Significant digits of what is drawn: finer than any screen."""
_SHAPES: Final = {
    "o": ("circle", "●○"),
    "s": ("square", "■□"),
    "^": ("triangle-up", "▲△"),
    "D": ("diamond", "◆◇"),
    "v": ("triangle-down", "▼▽"),
    "P": ("cross", "✚✛"),
    "X": ("cross", "✖✕"),
    "<": ("triangle-left", "◀◁"),
    ">": ("triangle-right", "▶▷"),
}
"""Matplotlib's markers in Vega's words, and as characters, filled and open."""
_TURNED: Final = {"X": 45}
"""Degrees by which a marker is another's."""


class Axis(NamedTuple):
    """An axis of a figure.

    Attributes:
        title: with its unit.
        log: whether it is logarithmic at first.
        ends: where it begins and ends at first; where its values do without.
    """

    title: str
    log: bool = False
    ends: tuple[float, float] | None = None


class Choice(NamedTuple):
    """What a reader chooses one of: the rows are shown that have this value in a column, or none there.

    Attributes:
        column: of the rows.
        label: of the choice.
        options: values and what they are called.
    """

    column: str
    label: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes:
        kind: of figure, in letters.
        title: of the figure.
        says: what is seen in it, in sentences.
        chart: see `bench.report.charts`.
        rows: what is drawn, with the columns of `row` and those of choices.
        looks: by line, in the order of the legend.
        x: axes that a reader may choose among, by their column of the rows.
        y: axes, by the `metric` of the rows.
        choices: besides those among axes.
        value: what the rows' values are called.
    """

    kind: str
    title: str
    says: Sequence[str]
    chart: Chart
    rows: Sequence[Mapping[str, Any]]
    looks: Mapping[str, Look]
    x: Mapping[str, Axis]
    y: Mapping[str, Axis]
    choices: Sequence[Choice] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """Return it as plain values: rows as lists, with their columns named once."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        return {
            "chart": self.chart,
            "columns": columns,
            "rows": [[row.get(name) for name in columns] for row in self.rows],
            "lines": {name: _look(look) for name, look in self.looks.items()},
            "x": {name: axis._asdict() for name, axis in self.x.items()},
            "y": {name: axis._asdict() for name, axis in self.y.items()},
            "choices": [choice._asdict() for choice in self.choices if len(choice.options) > 1],
        }


def rows_of(frame: pd.DataFrame, part: str, columns: Mapping[str, str], **more: Any) -> list[dict[str, Any]]:
    """Return a row per row of a figure's frame: value, interval, tooltip.

    Args:
        frame: with label, value, ci_low, ci_high and seeds.
        part: of the chart that they are drawn as: `mean`, `seed`, `front`, `ring`, `diverged` or `level`.
        columns: of the rows that are the frame's, and what they are called there.
        more: values that all rows have.
    """
    found = []
    for one in records(frame):
        value, low, high = (getattr(one, name, np.nan) for name in ("value", "ci_low", "ci_high"))
        seed, seeds = getattr(one, "seed", None), getattr(one, "seeds", None)
        is_one = part == "seed"
        said = {} if pd.isna(value) else {"said": number(value) if is_one else interval(value, low, high)}
        numbers = {"value": value} if is_one else {"value": value, "low": low, "high": high}
        found.append(
            {
                "part": part,
                "line": one.label,
                **{name: _plain(getattr(one, column)) for name, column in columns.items()},
                **{name: _plain(number) for name, number in numbers.items()},
                **said,
                **_whose(seed, seeds),
                **more,
            }
        )
    return found


def _whose(seed: Any, seeds: Any) -> dict[str, Any]:
    """Return of which seed a row is, or of how many, in words as well."""
    if seed is not None and not pd.isna(seed):
        return {"seed": int(seed), "of": f"seed {int(seed)}"}
    if seeds is None or pd.isna(seeds):
        return {}
    return {"of": "1 seed" if seeds == 1 else f"{int(seeds)} seeds"}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: a number that is not finite is none."""
    if value is None or value is pd.NA:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
    return str(value)


def _look(look: Look) -> dict[str, Any]:
    shape, signs = _SHAPES[look.marker]
    return {
        "light": look.colour,
        "dark": on_dark(look.colour),
        "dash": [] if isinstance(look.line, str) else [2 * part for part in look.line[1]],
        "shape": shape,
        "angle": _TURNED.get(look.marker, 0),
        "sign": signs[not look.filled],
        "filled": look.filled,
    }


def shown_as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts obey nothing, and stand in one line."""
    return escaping.texts(frame, escaping.line)
