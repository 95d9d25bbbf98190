"""What panels and axes are called."""

from collections.abc import Sequence
from textwrap import wrap

from bench.results.digits import minus
from bench.results.metrics import about, group_name


def metric_axis(metric: str, unit: str | None = None, space: str = "\n") -> str:
    """Return an axis label with its unit, by default below it: panels are low."""
    known = about(metric)
    word, unit = known.label, known.unit if unit is None else unit
    return word if unit == "1" else f"{word}{space}({unit_text(unit)})"


def unit_text(unit: str) -> str:
    """Return a unit with superscripts of mathtext: the one in STIX' text font is bold."""
    return unit.replace("²", "$^2$")


def panel_title(task: str, group: str, groups: Sequence[str]) -> str:
    """Return a panel's title: the group where the task has several, and the task above its first."""
    if len(groups) == 1:
        return task
    return f"{task}: {group_name(group)}" if group == groups[0] else group_name(group)


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most this many characters; what cannot be parted may be longer."""
    # textwrap parts at usual spaces only.
    lines = text.replace(" = ", "\xa0=\xa0").split("\n")
    lines = [part for line in lines for part in wrap(line, width, break_long_words=False, break_on_hyphens=False)]
    return "\n".join(lines).replace("\xa0", " ")


def number(value: float) -> str:
    """Return a number with three significant digits and a true minus."""
    return minus(f"{value:#.3g}".rstrip(".")) if value else "0"
