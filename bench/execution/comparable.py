"""Records that differ in the seed only, which a line of a report is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.names.registry import ESTIMATORS
from bench.results.apart import told_apart
from bench.results.schema import Record


@dataclass(frozen=True)
class Comparable:
    """Records that differ in the seed only: what one line of a report is about.

    Attributes:
        records: of the seeds.
        settings: those that tell it from other lines; see `told_apart`.
    """

    records: Sequence[Record]
    settings: str = ""

    @property
    def estimator(self) -> str:
        """Return the estimator with its parameters, and with the settings that tell it from other lines."""
        return f"{ESTIMATORS.brief(self.records[0].cell.estimator_spec)}{self.settings}"

    @property
    def samples(self) -> int:
        """Return K."""
        return self.records[0].cell.samples

    @property
    def configuration(self) -> str:
        """Return what all of them are."""
        return self.records[0].cell.configuration


def comparables(records: Iterable[Record]) -> list[Comparable]:
    """Group the records of one task by estimator, samples and settings, in the order in which they come."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.cell.configuration, []).append(record)
    apart = told_apart([members[0].cell for members in groups.values()])
    return [Comparable(members, apart.get(members[0].cell.id, "")) for members in groups.values()]


def label(line: Comparable) -> str:
    """Return the estimator with its parameters and K, as a line of a report is named."""
    return f"{line.estimator} K={line.samples}"


def span(values: Sequence[int]) -> str:
    """Return the least and the most of some counts, as `3` or `3–5`."""
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}–{high}"
