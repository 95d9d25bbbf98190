"""What the seeds of a configuration say together: one computation for what a run prints, `bench table` and figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.results.frames import records, series, where
from bench.results.metrics import FINAL_VALUES, about
from bench.statistics.quantiles import NORMAL
from bench.statistics.seeds import combined


class Said(NamedTuple):
    """A value with its 95% interval: of a single seed its own, of several what they say together."""

    value: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Summary:
    """What configurations say of the metrics of their gradients and of what training ended with.

    Attributes:
        moments: by configuration, parameter group and metric.
        finals: by configuration and final value.
    """

    moments: dict[tuple[str, str, str], Said]
    finals: dict[tuple[str, str], Said]

    def moment(self, configuration: str, group: str, metric: str) -> Said | None:
        """Return a metric of a parameter group, or of the whole gradient where it is of that only; None if unknown."""
        return self.moments.get((configuration, about(metric).group(group), metric))

    def final(self, configuration: str, name: str) -> Said | None:
        """Return a final value; None if unknown."""
        return self.finals.get((configuration, name))


def summarise(gradients: pd.DataFrame, final: pd.DataFrame) -> Summary:
    """Return the summary of rows of these tables; of the gradients, a cell's rows must be of one step."""
    moments = combine(gradients, ["group", "metric"])
    finals = combine(final_values(final, list(FINAL_VALUES)), ["metric"])
    return Summary(
        {(row.configuration, row.group, row.metric): _said(row) for row in records(moments)},
        {(row.configuration, row.metric): _said(row) for row in records(finals)},
    )


def _said(row: object) -> Said:
    return Said(row.value, row.ci_low, row.ci_high, row.seeds)  # pyright: ignore[reportAttributeAccessIssue]


def last_steps(gradients: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at each cell's last measured step."""
    return where(gradients, gradients["step"] == gradients.groupby("cell")["step"].transform("max"))


def final_values(final: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a row per final value and cell that has it, with the interval that its standard error makes."""
    parts = [pd.DataFrame(columns=["configuration", "seed", "unit", "metric", "value", "ci_low", "ci_high"])]
    for name in (name for name in names if final[name].notna().to_numpy().any()):
        known = where(final, final[name].notna())
        half = NORMAL * known[f"{name}_se"].fillna(0.0) if f"{name}_se" in known else 0.0
        value = series(known, name)
        parts.append(
            known[["configuration", "seed", "unit"]].assign(
                metric=name, value=value, ci_low=value - half, ci_high=value + half
            )
        )
    return pd.concat(parts[1:] or parts, ignore_index=True)


def combine(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return a row per configuration and `by`: the only seed's estimate, or what several say together; see `combined`.

    Args:
        frame: with `value`, `ci_low` and `ci_high`, and `square` where there are norms that noise was subtracted from.
        by: columns besides; with `metric` among them, intervals keep to what the metric can be.

    Returns:
        configuration, `by`, value, ci_low, ci_high and seeds; intervals NaN where there are none.
    """
    keys = ["configuration", *by]
    if frame.empty:
        return pd.DataFrame(columns=[*keys, "value", "ci_low", "ci_high", "seeds"])
    groups = frame.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    found = frame.iloc[np.unique(groups, return_index=True)[1]][keys].reset_index(drop=True)
    squares = frame["square"].to_numpy(float, na_value=np.nan) if "square" in frame else np.full(len(frame), np.nan)
    metrics = [about(name) for name in found["metric"]] if "metric" in by else []
    is_positive = [metric.positive for metric in metrics] or False
    estimates = combined(groups, frame[["value", "ci_low", "ci_high"]].to_numpy(float), squares, is_positive)
    found = found.assign(**dict(zip(["value", "ci_low", "ci_high", "seeds"], estimates, strict=True)))
    if not metrics:
        return found
    least, most = np.array([metric.limits for metric in metrics]).T
    return found.assign(ci_low=found["ci_low"].clip(lower=least), ci_high=found["ci_high"].clip(upper=most))
