"""What is known of a candidate of the screening."""

from dataclasses import dataclass, field

from bench.advise.candidates import Candidate
from bench.advise.gauge import Gauge
from bench.advise.ranking import Noise
from bench.errors import BenchError, headline
from bench.measure.moments import NotFinite
from bench.names.strangers import said
from bench.statistics.intervals import Interval
from estimators.base import Estimator


@dataclass
class Entry:
    """What is known of a candidate.

    Attributes:
        candidate: which.
        gauges: by place, where it could be measured.
        laps: seconds of a gradient, one for each time that all were timed.
        failed: why it cannot be measured; empty where it can.
        biases: by place, once they were looked at.
        seen_at: places at which a bias is more than chance.
        remarks: what a reader should know.
        built: the estimator as it starts; None before it is needed.
        judged: by place, the replicates that its bias was looked at with.
        spreads: by place, its variance, and the replicates that it was found with.
    """

    candidate: Candidate
    gauges: dict[int, Gauge] = field(default_factory=dict)
    laps: list[float] = field(default_factory=list)
    failed: str = ""
    biases: dict[int, Interval] = field(default_factory=dict)
    seen_at: set[int] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    built: Estimator | None = None
    judged: dict[int, int] = field(default_factory=dict)
    spreads: dict[int, tuple[int, Interval | None]] = field(default_factory=dict)

    @property
    def seen(self) -> bool:
        """Return whether a bias is more than chance."""
        return bool(self.seen_at)

    @property
    def is_known(self) -> bool:
        """Return whether anything is known of its noise, wherever it is measured."""
        return all(gauge.is_known for gauge in self.gauges.values())

    @property
    def pace(self) -> float:
        """Return the seconds of one replicate at the place where it is slowest."""
        return max(gauge.pace for gauge in self.gauges.values())

    def noise(self, step: int) -> Noise | None:
        """Return its noise at a place; None while nothing is known of it."""
        gauge = self.gauges.get(step)
        if gauge is None or self.failed or not self.laps:
            return None
        if self.spreads.get(step, (-1, None))[0] != gauge.replicates:
            self.spreads[step] = gauge.replicates, gauge.spread()
        spread = self.spreads[step][1]
        return None if spread is None else Noise(spread, gauge.replicates, self.laps)


class Watched:
    """Notes how a candidate fails; the others continue."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, NotFinite):
            self._entry.failed = "its gradient is not finite"
        elif isinstance(error, Exception):
            self._entry.failed = headline(error) if isinstance(error, BenchError) else said(error)
        return isinstance(error, Exception)
