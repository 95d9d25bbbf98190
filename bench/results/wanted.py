"""Which table is wanted of results: what `bench table` and `varbench.table` have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from bench.errors import UsageError, require
from bench.results.arranged import pivot_blocks
from bench.results.columns import AXES, KINDS, TABLES, TIME_TO
from bench.results.metrics import FINAL_VALUES, OF_COORDINATES
from bench.results.pivot import comparison
from bench.results.reaching import COLUMNS, time_to, time_to_blocks
from bench.results.render import Block
from bench.results.summary import GRADIENT_METRICS, final_blocks, gradient_blocks, usual_groups
from bench.results.tables import Results

What = Literal["gradients", "final", "training", "runs", "time-to"]

_SUMMARISED: Final = ("gradients", "final", TIME_TO)


@dataclass(frozen=True)
class Wanted:
    """A table.

    Attributes:
        what: of which of the frames, or the time to a target.
        metrics: of the gradients, or of the final values where those are compared; the usual ones without any.
        groups: parameter groups, likewise.
        columns: of tidy rows; None for a summary, where there is one.
        by: what goes down in a comparison.
        across: what goes across.
        is_chosen: whether cells are chosen by their settings.
        elbo: the target of which the time is wanted.

    Raises:
        UsageError: they do not go together, or there is no such thing.
    """

    what: What = "gradients"
    metrics: Sequence[str] = ()
    groups: Sequence[str] = ()
    columns: Sequence[str] | None = None
    by: str | None = None
    across: str | None = None
    is_chosen: bool = False
    elbo: float | None = None

    def __post_init__(self) -> None:
        require("table", self.what, list(KINDS))
        if (self.what == TIME_TO) != (self.elbo is not None):
            raise UsageError(
                "--what time-to needs the value to be reached: add --elbo, as in --elbo -110"
                if self.elbo is None
                else "--elbo is a value to be reached, and goes with --what time-to"
            )
        for axis in (self.by, self.across):
            if axis is not None:
                require("axis", axis, list(AXES))
        of_gradients = self.metrics or self.groups
        if (
            of_gradients
            and self.what != "gradients"
            and not (self.compares and self.what == "final" and not self.groups)
        ):
            raise UsageError(self._not_gradients())
        if self.compares and (self.columns or self.what not in ("gradients", "final")):
            raise UsageError("--by and --across compare gradients or final values, without --columns")
        for column in self.columns or ():
            require("column", column, self._known_columns())
        if self.what == "runs" and self.is_chosen:
            raise UsageError("--select chooses cells, but a run has many: leave it out with --what runs")

    @property
    def compares(self) -> bool:
        """Return whether it is a comparison."""
        return self.by is not None or self.across is not None

    @property
    def is_tidy(self) -> bool:
        """Return whether it has rows that nothing summarises."""
        return bool(self.columns) or self.what not in _SUMMARISED

    @property
    def read(self) -> list[str]:
        """Return which frames it takes; a comparison counts gradients, of final values too."""
        if self.what == TIME_TO:
            # The gradients name what the objective is of.
            return ["training", "gradients"]
        return ["gradients"] if self.compares else [self.what]

    @property
    def source(self) -> str:
        """Return the frame without which there is nothing to show."""
        return "training" if self.what == TIME_TO else self.what

    def frame(self, results: Results) -> pd.DataFrame:
        """Return the frame that it is of.

        Raises:
            UsageError: the gradients have no such metric or group.
        """
        frame: pd.DataFrame = getattr(results, self.what)
        if self.what == "gradients":
            for kind, names in (("metric", self.metrics), ("group", self.groups)):
                for name in names:
                    require(kind, name, list(frame[kind].unique()))
        return frame

    def rows(self, results: Results) -> pd.DataFrame:
        """Return tidy rows."""
        if self.elbo is not None:
            return time_to(results, self.elbo).filter(self.columns or list(COLUMNS))
        frame = self.frame(results)
        if self.metrics:
            frame = frame.loc[frame["metric"].isin(self.metrics)]
        if self.groups:
            frame = frame.loc[frame["group"].isin(self.groups)]
        return frame.filter(self.columns or list(frame.columns))

    def compared(self, results: Results) -> pd.DataFrame:
        """Return the rows of a comparison; see `bench.results.pivot.comparison`."""
        self.frame(results)
        axes, final = self._axes, self.what == "final"
        if final:
            there = [name for name in FINAL_VALUES if len(results.final[name].dropna())]
            usual = there if "metric" in axes else there[:1]
        else:
            usual = ["variance", "relative_bias", "snr"] if "metric" in axes else ["variance"]
        for name in self.metrics if final else ():
            require("metric", name, list(FINAL_VALUES))
        return comparison(results, list(self.metrics) or usual, self._compared_groups(results), final=final)

    def arranged(self, compared: pd.DataFrame) -> list[Block]:
        """Return the rows of a comparison as tables."""
        return pivot_blocks(compared, *self._axes)

    def summary(self, results: Results) -> list[Block]:
        """Return a summary: a line per configuration, a table per task and parameter group."""
        if self.elbo is not None:
            return time_to_blocks(time_to(results, self.elbo))
        if self.what == "final":
            return final_blocks(results)
        self.frame(results)
        groups = self.groups or usual_groups(results, self.metrics)
        return gradient_blocks(results, self.metrics or GRADIENT_METRICS, groups)

    @property
    def _axes(self) -> tuple[str, str]:
        return self.by or "estimator", self.across or ("estimator" if self.by == "task" else "task")

    def _compared_groups(self, results: Results) -> list[str]:
        """Return the groups asked for; else every one where groups are an axis, else all parameters together."""
        measured = results.gradients
        if {*self.metrics} & {*OF_COORDINATES}:
            return list(self.groups) or usual_groups(results, self.metrics)
        there = list(dict.fromkeys(measured.loc[measured["metric"] == "variance", "group"]))
        together = [group for group in there if group == "all"]
        return list(self.groups) or (together if together and "group" not in self._axes else there)

    def _known_columns(self) -> list[str]:
        return list(COLUMNS) if self.what == TIME_TO else [known.name for known in TABLES[self.what]]

    def _not_gradients(self) -> str:
        if self.what == "final" and not self.groups and set(self.metrics) <= set(FINAL_VALUES):
            return "the summary of final has every value; to choose some with --metric, add `--across metric`"
        return f"--metric and --group choose rows of the gradients, but {self.what} has none"
