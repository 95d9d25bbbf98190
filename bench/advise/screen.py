"""The screening: all get a first short look, the clearly worse stop, and the close ones continue."""

import copy
from collections.abc import Callable, Sequence
from typing import Final, final

from bench.advise.candidates import Candidate
from bench.advise.entry import Entry, Watched
from bench.advise.gauge import SETTLING, Gauge
from bench.advise.places import Place
from bench.advise.ranking import FALSE_ALARM, Standing, standing
from bench.execution.initial import initial
from bench.measure.reference import Reference
from bench.measure.stopping import FIRST
from bench.statistics.seen import p_of_zero
from estimators.base import Estimator
from tasks.base import Data

_LOOKS: Final = (40, 200, 800, 3200, 12_800, 51_200, 204_800)
"""Replicates of each look."""

_CHEAP: Final = 0.3
"""The share of the time that is left, for which everybody gets as many replicates as an interval should have."""

_FOR_ANOTHER: Final = 0.25
"""The share of the time that is left, up to which the same is done at another place once more."""

_FOR_SETTLING: Final = 4
"""Settling may take one part in so many of an even share."""

_ENOUGH: Final = 800
"""Replicates of those that do not compete: a bias of the size of the noise of a thirtieth shows."""

_LAPS: Final = (7, 7, 10, 20, 20, 20, 20)
"""How often each is timed before a look."""

_FEWEST_LAPS: Final = 3

_FOR_LAPS: Final = 0.2
"""The share of the time of a look that more laps than these may take."""


@final
class Screening:
    """All candidates at all places.

    Args:
        places: where they are measured; the last one counts most.
        candidates: who is.
        baseline: the one that ratios are taken to, which goes on as long as any other.
        data: of the task.
        clock: tells the time.
        tell: is told what is done.
    """

    def __init__(
        self,
        places: Sequence[Place],
        candidates: Sequence[Candidate],
        baseline: str,
        data: Data,
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.places, self._data, self._clock, self._tell = places, data, clock, tell
        self._baseline = baseline
        self.entries = {one.name: Entry(one) for one in candidates}
        self._standins: dict[int, Gauge] = {}
        self.looks = 0
        self.is_decided = False

    def run(self, deadline: float) -> None:
        """Look again and again until all is decided or time is over.

        Raises:
            TooShort: there is no time for a first look.
        """
        self._begin(deadline)
        self._require_time(deadline)
        self._look(deadline)
        # For those who read: what too few replicates know of a bias is little, and is shown with its interval.
        self._look_for_biases(0)

    def _look(self, deadline: float) -> None:
        for look, replicates in enumerate(_LOOKS):
            left = deadline - self._clock()
            live = self._live() if replicates > FIRST or not self._is_cheap(replicates, left) else self._able()
            if left <= 0:
                return
            # The first look is not to take the time of the others.
            until = self._clock() + (left / 2 if look == 0 else left)
            live = self._affordable(live, replicates, until)
            self._tell(f"look {look + 1}, {len(live)} estimators, up to {replicates} replicates")
            self._time(live, _LAPS[look], until)
            self._draw(live, replicates, until)
            self.looks = look + 1
            self._look_for_biases()
            if not self._live():
                self.is_decided = True
                return

    def standing(self, step: int) -> Standing | None:
        """Return which competitors with a noise at a place may be the best there; None if there are none."""
        noises = {
            name: noise
            for name, entry in self.entries.items()
            if self.competes(entry) and (noise := entry.noise(step)) is not None and noise.variance.value > 0
        }
        return standing(noises, len(_LOOKS) * len(self.places)) if noises else None

    def noiseless(self, step: int) -> list[str]:
        """Return those that compete and have no variance at a place, the fastest first."""
        found = {
            name: noise.seconds
            for name, entry in self.entries.items()
            if self.competes(entry) and (noise := entry.noise(step)) is not None and noise.variance.value == 0
        }
        return sorted(found, key=lambda name: found[name])

    def competes(self, entry: Entry) -> bool:
        """Return whether an estimator is ranked: declared unbiased, and not seen to be biased."""
        return entry.candidate.role == "ranked" and not entry.seen and not entry.failed

    def _begin(self, deadline: float) -> None:
        """Build every estimator at every place, the last one first, and let adaptive state settle.

        Where that takes long, estimators are measured at the last place only.
        """
        begun = self._clock()
        for place in reversed(self.places):
            left = deadline - self._clock()
            if place is not self.places[-1] and self._clock() - begun > _FOR_ANOTHER * left:
                self.places = [one for one in self.places if one.step > place.step]
                return
            for done, entry in enumerate(self.entries.values()):
                self._tell(f"preparing {entry.candidate.name}, {done + 1}/{len(self.entries)}")
                share = max(0.0, deadline - self._clock()) / len(self.entries) / _FOR_SETTLING
                with Watched(entry):
                    entry.gauges[place.step] = self._gauge(entry, place, share)
            if place.by is not None and not self._stands_in(place):
                self._standins[place.step] = self._standin(place, *place.by)

    def _gauge(self, entry: Entry, place: Place, share: float) -> Gauge:
        cell = entry.candidate.cell
        if entry.built is None:
            entry.built = initial(cell, self._data)[1]
        identity = (cell.task_spec, cell.estimator_spec, cell.samples, cell.dtype, place.step)
        gauge = Gauge(place.task, copy.deepcopy(entry.built), cell.samples, place.x, identity, cell.seed)
        gauge.settle(cell.training.guide_lr, share)
        if gauge.settled is not None and gauge.settled < SETTLING:
            remark = f"its adaptive parts saw {gauge.settled} estimates before it was measured, instead of {SETTLING}"
            entry.remarks = [remark]
        return gauge

    def _standin(self, place: Place, name: str, estimator: Estimator) -> Gauge:
        cell = next(iter(self.entries.values())).candidate.cell
        identity = (cell.task_spec, "reference", name, cell.dtype, place.step)
        return Gauge(place.task, estimator, estimator.minimum_samples, place.x, identity, cell.seed)

    def _require_time(self, deadline: float) -> None:
        if self._clock() >= deadline or not any(entry.gauges for entry in self.entries.values()):
            raise TooShort

    def _stands_in(self, place: Place) -> Entry | None:
        """Return the competitor that the task names as the reference, where it is there."""
        assert place.by is not None
        entry = self.entries.get(place.by[0])
        return entry if entry is not None and place.step in entry.gauges and not entry.failed else None

    def _able(self) -> list[Entry]:
        """Return those that can be measured, the one that ratios are taken to first, then the fast."""
        found = [entry for entry in self.entries.values() if entry.gauges and not entry.failed]
        return sorted(found, key=lambda entry: (entry.candidate.name != self._baseline, entry.pace))

    def _is_cheap(self, replicates: int, seconds: float) -> bool:
        """Return whether everybody may have so many replicates, worse or not, for a part of the time."""
        gauges = [gauge for entry in self._able() for gauge in entry.gauges.values()]
        return sum(gauge.pace * max(0, replicates - gauge.replicates) for gauge in gauges) < _CHEAP * seconds

    def _affordable(self, live: Sequence[Entry], replicates: int, until: float) -> Sequence[Entry]:
        """Return those of the live that there is time for, the fast first; of those that are known, all.

        One so slow that nothing would be left for the others has to wait.
        """
        left, found = until - self._clock(), list[Entry]()
        for entry in live:
            wanted = replicates if entry.is_known else _LOOKS[0]
            gauges = entry.gauges.values()
            left -= sum(max(0, wanted - gauge.replicates) * gauge.pace for gauge in gauges)
            left -= _FEWEST_LAPS * max(gauge.first for gauge in gauges)
            if left >= 0 or entry.is_known or not found:
                found.append(entry)
        return found

    def _live(self) -> list[Entry]:
        """Return those that are to go on."""
        known = [self.standing(place.step) for place in self.places]
        found = [entry for entry in self._able() if self._goes_on(entry, known)]
        if not any(map(self.competes, found)):
            return found
        return [entry for entry in self._able() if entry in found or entry.candidate.name == self._baseline]

    def _goes_on(self, entry: Entry, known: Sequence[Standing | None]) -> bool:
        if not self.competes(entry):
            return min(gauge.replicates for gauge in entry.gauges.values()) < _ENOUGH
        return any(self._is_open(entry, place.step, found) for place, found in zip(self.places, known, strict=True))

    def _is_open(self, entry: Entry, step: int, found: Standing | None) -> bool:
        noise, name = entry.noise(step), entry.candidate.name
        if noise is None or found is None:
            return step in entry.gauges
        if noise.variance.value == 0 or name in found.worse or name in found.alike:
            return False
        if name != found.leader:
            return True
        # Who leads goes on while somebody else may.
        others = [other for other in self.entries.values() if self.competes(other) and other is not entry]
        return any(self._is_open(other, step, found) for other in others)

    def _time(self, live: Sequence[Entry], laps: int, until: float) -> None:
        """Time all of them one after the other, several times over."""
        end = self._clock() + _FOR_LAPS * (until - self._clock())
        for lap in range(laps):
            if lap >= _FEWEST_LAPS and self._clock() >= end:
                return
            for entry in live:
                with Watched(entry):
                    entry.laps.append(entry.gauges[max(entry.gauges)].lap())

    def _draw(self, live: Sequence[Entry], replicates: int, until: float) -> None:
        """Draw replicates at each place, the last one first.

        Whoever is known takes no more than an even share of what is left; a first look is taken as a whole. Where that
        takes long, it is not taken at another place.
        """
        for number, place in enumerate(reversed(self.places), 1):
            begun = self._clock()
            due = [entry for entry in live if place.step in entry.gauges]
            if (standin := self._standins.get(place.step)) is not None:
                standin.draw(replicates, *self._share(until, 1 + len(due)))
            rest = (len(self.places) - number) * len(live)
            for done, entry in enumerate(due):
                with Watched(entry):
                    self._draw_one(entry, entry.gauges[place.step], replicates, until, rest + len(due) - done)
            is_first = not any(
                gauge.replicates for entry in live for step, gauge in entry.gauges.items() if step < place.step
            )
            if is_first and self._clock() - begun > until - self._clock():
                self._leave(place)
                return

    def _draw_one(self, entry: Entry, gauge: Gauge, replicates: int, until: float, left: int) -> None:
        if not gauge.is_known:
            gauge.draw(_LOOKS[0], *self._share(until, 1))
        if gauge.is_known:
            gauge.draw(replicates if self.competes(entry) else min(replicates, _ENOUGH), *self._share(until, left))

    def _leave(self, last: Place) -> None:
        """Measure no more at the places before one."""
        self.places = [place for place in self.places if place.step >= last.step]
        for entry in self.entries.values():
            entry.gauges = {step: gauge for step, gauge in entry.gauges.items() if step >= last.step}

    def _share(self, until: float, left: int) -> tuple[float, Callable[[], bool]]:
        """Return an even share of the time, of which so many are left to have one, and what says that it is over."""
        now = self._clock()
        seconds = max(0.0, until - now) / left
        return seconds, lambda: self._clock() >= now + seconds

    def _look_for_biases(self, least: int = FIRST) -> None:
        """Measure every bias from so many replicates on, and note whose is seen.

        P-values are corrected for their number and that of looks.
        """
        measured = [
            (entry, place) for entry in self.entries.values() for place in self.places if place.step in entry.gauges
        ]
        level = FALSE_ALARM / len(_LOOKS) / max(1, len(measured))
        for entry, place in measured:
            gauge = entry.gauges[place.step]
            if entry.failed or gauge.replicates < least or entry.judged.get(place.step) == gauge.replicates:
                continue
            reference = self.reference(place, entry)
            bias = None if reference is None else gauge.relative_bias(reference)
            if bias is not None:
                entry.biases[place.step], entry.judged[place.step] = bias, gauge.replicates
                # Of fewer, a tail that is heavy may show nothing yet, and an interval covers less than it says.
                is_sure = gauge.replicates >= FIRST and p_of_zero(bias.value, bias.low, bias.high) < level
                entry.seen_at = (entry.seen_at - {place.step}) | ({place.step} if is_sure else set())

    def reference(self, place: Place, entry: Entry) -> Reference | None:
        """Return what a bias is measured against; None if there is nothing, or if it is the estimator itself."""
        if place.exact is not None or place.by is None:
            return place.exact
        standin = self._stands_in(place)
        gauge = self._standins.get(place.step) if standin is None else standin.gauges[place.step]
        return None if standin is entry or gauge is None or not gauge.is_known else gauge.as_reference(place.by[0])


class TooShort(Exception):
    """There was no time for a first look."""
