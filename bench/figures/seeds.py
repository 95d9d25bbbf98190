"""Few seeds one by one, many as a band: of two or three, Student's interval says little but fills a panel."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from bench.figures.axes import draw_line
from bench.figures.palette import Look
from bench.results.frames import grouped, series, where
from bench.results.verdicts import BIASES

FEWEST: Final = 4
"""Seeds from which on the interval is Student's between them."""
MEASURED: Final = ("step", "group", "metric")
"""What tells the moments of one cell apart."""
_EVERY: Final = slice(None)


def spanned(found: pd.DataFrame, single: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return rows over seeds in which the interval of two or three seeds is the span of their own.

    Biases keep theirs, since a noisy norm is seldom near zero in any seed.

    Args:
        found: a row per configuration and `by`, with value, interval and seeds.
        single: a row per configuration, `by` and seed, with value and interval.
        by: columns.
    """
    keys = ["configuration", *by]
    ends = single.assign(
        least=single["ci_low"].fillna(single["value"]), greatest=single["ci_high"].fillna(single["value"])
    )
    span = ends.groupby(keys, as_index=False, dropna=False).agg(least=("least", "min"), greatest=("greatest", "max"))
    table = found.merge(span, on=keys, how="left").set_index(found.index)
    few = is_few(series(table, "seeds")) & ~(table["metric"].isin(BIASES) if "metric" in table else False)
    low, high = table[["least", "value"]].min(axis=1), table[["greatest", "value"]].max(axis=1)
    return found.assign(ci_low=found["ci_low"].mask(few, low), ci_high=found["ci_high"].mask(few, high))


def is_few(seeds: pd.Series) -> pd.Series:
    """Return where there are two or three seeds."""
    return (seeds > 1) & (seeds < FEWEST)


def with_few_seeds(found: pd.DataFrame, single: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return rows as `spanned` does, and below them one per seed, whose `seed` is not missing, where these are few."""
    few = where(found, is_few(series(found, "seeds"))).drop(columns=["value", "ci_low", "ci_high"])
    one_by_one = few.merge(single[["configuration", *by, "seed", "value"]], on=["configuration", *by])
    whole = spanned(found, single, by).assign(seed=pd.Series(pd.NA, index=found.index, dtype="Int64"))
    if one_by_one.empty:
        return whole
    return pd.concat([whole, one_by_one.astype({"seed": "Int64"})], ignore_index=True)


def means(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are not of a single seed of several."""
    return where(shown, shown["seed"].isna())


def draw_course(axes: Axes, line: pd.DataFrame, x: str, look: Look, among: int = 1, marked: slice = _EVERY) -> None:
    """Draw the mean over seeds against a column, with its band from four seeds on, else with a thin line per seed.

    Where there is no mean, since every seed diverged, the seeds' lines are all there is, and not thin.
    """
    whole = means(line)
    if axes.get_yscale() == "log":
        line = where(line, line["value"] > 0)
        whole = where(whole, whole["value"] > 0)
    width, alpha = (0.8, 1.0) if whole.empty else (0.4, 0.5)
    for _, seed in grouped(where(line, line["seed"].notna()), "seed"):
        point = {"marker": "o", "markersize": 2} if len(seed) == 1 else {}
        axes.plot(seed[x], seed["value"], color=look.colour, linewidth=width, alpha=alpha, label="_seed", **point)
    few = is_few(series(whole, "seeds"))
    banded = whole.assign(ci_low=whole["ci_low"].mask(few), ci_high=whole["ci_high"].mask(few))
    draw_line(axes, banded, x, look, among, marked)


def lines_note(shown: pd.DataFrame, of_one: str = "the measurement's") -> list[str]:
    """Return what bands and thin lines are; `of_one` is what the band of a single seed is, empty for none."""
    whose = _whose(shown, of_one)
    words = ["thin: single seeds"] if _any_few(shown) else []
    return [*words, f"bands: 95%, {' or '.join(whose)}"] if whose else words


def bars_note(
    shown: pd.DataFrame, of_one: str = "the measurement's", of_few: str = "the span of their 95% intervals"
) -> list[str]:
    """Return what bars are: 95% intervals over seeds or `of_one`, and of two or three seeds `of_few`."""
    whole = _whose(shown, of_one)
    words = [f"95%, {' or '.join(whole)}"] if whole else []
    return [f"bars: {', '.join([*words, *([f'of 2 or 3 seeds {of_few}'] if _any_few(shown) else [])])}"]


def _any_few(shown: pd.DataFrame) -> bool:
    return bool(is_few(series(shown, "seeds")).any())


def _whose(shown: pd.DataFrame, of_one: str) -> list[str]:
    counts = series(shown, "seeds")
    words = {"over seeds": (counts >= FEWEST).any(), of_one: (counts == 1).any()}
    return [word for word, said in words.items() if said and word]
