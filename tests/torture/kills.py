"""Runs are killed at any moment and given again: `python -m tests.torture.kills --kills 500 --seed 0`.

README.md beside this file says what is drawn, what is checked and what is printed.
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.torture.asked import parser_of, references_of, repeated
from tests.torture.commands import Command, Reference, failure, in_folder
from tests.torture.forked import Child, Whom
from tests.torture.operations import Killing, Point, watch
from tests.torture.tally import Tally
from tests.torture.verdicts import damaged, lost, records

_MOST_IN_A_ROW: Final = 6
_MADE_UP_FOR: Final = ("worker", "ancestor")
"""Whose death a command survives."""
_WHOM: Final[dict[str, tuple[Whom, ...]]] = {
    "local": ("parent", "worker", "ancestor", "all"),
    "dask": ("parent", "worker", "all"),
}
"""By executor, who may be killed; the parent has the Dask scheduler in it."""


@dataclass(frozen=True)
class Kill:
    """Where one process is killed: at a point, or after a share of the time that the command takes undisturbed."""

    point: Point | None
    share: float = 0.0
    whom: Whom | None = None

    @property
    def kind(self) -> str:
        """What kind of moment it is, or who is killed."""
        if self.whom is not None:
            return "kills of all" if self.whom == "all" else f"kills of a {self.whom}"
        if self.point is None:
            return "kills by the clock"
        return "kills inside a write" if self.point.call == "write" else "kills at a call"

    def __str__(self) -> str:
        whose = f"({self.whom}) " if self.whom else ""
        return f"{whose}after {self.share:.0%} of its time" if self.point is None else str(self.point)

    def start(self, reference: Reference, folder: Path, log: Path) -> tuple[Child, float | None]:
        """Start the command that is killed here; return it, and after how many seconds its parent is to do that."""
        words, point = in_folder(reference.command.words, folder), self.point
        if point is None:
            return Child(words, log), self.share * reference.seconds
        return Child(words, log, lambda: watch(folder, Killing(point))), None


@dataclass(frozen=True)
class Trial:
    """A command, killed some times and then finished.

    Attributes:
        number: it is drawn from the seed and this.
        command: which.
        kills: one after the other.
        last: the words that finish it.
    """

    number: int
    command: Command
    kills: tuple[Kill, ...]
    last: tuple[str, ...]

    def __str__(self) -> str:
        end = "" if self.last == self.command.words else ", then finished without --rerun"
        return f"trial {self.number}: {self.command.name}, killed {', '.join(map(str, self.kills))}{end}"


def drawn(seed: int, number: int, references: Sequence[Reference]) -> Trial:
    """Return a trial: a command, points in its work or times, and what finishes it."""
    chance = random.Random(f"{seed}/{number}")
    reference = references[number % len(references)]
    count = 1
    while count < _MOST_IN_A_ROW and chance.random() < 0.7:
        count += 1
    last = reference.command.words
    if reference.command.goes_on and chance.random() < 0.5:
        last = reference.command.goes_on
    return Trial(number, reference.command, tuple(kill_of(chance, reference) for _ in range(count)), last)


def kill_of(chance: random.Random, reference: Reference) -> Kill:
    """Draw a moment to kill a command at, and who is killed where it runs cells in several processes."""
    if reference.command.jobs > 1:
        return Kill(None, chance.random(), chance.choice(_WHOM[reference.command.executor]))
    kind = chance.choice(("clock", "call", "write"))
    if kind == "clock":
        return Kill(None, chance.random())
    # The kinds of files alike, however often each is written: most writes are those of checkpoints.
    places = sorted(name for name in reference.counts if name.startswith("write ") == (kind == "write"))
    place = chance.choice(places)
    call, _, part = place.partition(" ")
    share = chance.random() if kind == "write" else float(chance.random() < 0.5)
    return Kill(Point(call, part, chance.randint(1, reference.counts[place]), share))


def make(trial: Trial, reference: Reference, work: Path, tally: Tally) -> None:
    """Make a trial and look at what it leaves, after each kill and at its end."""
    folder, log, command = work / "trial", work / "log", trial.command
    shutil.rmtree(folder, ignore_errors=True)
    reference.begin(folder)
    for kill in trial.kills:
        before = records(folder)
        child, kill_after = kill.start(reference, folder, log)
        struck = 0
        if kill.whom is None:
            ended = child.wait(kill_after)
        else:
            time.sleep(kill_after or 0.0)
            struck = child.kill(kill.whom, kill.share)
            ended = child.wait()
        if ended.was_killed or (kill.whom in _MADE_UP_FOR and struck):
            tally.done[kill.kind] += 1
        elif ended.code == 0:
            tally.done["processes that ended first"] += 1
        else:
            tally.note("failed commands", [failure(ended)])
        tally.note("losses", lost(before, folder, command.replaces))
        tally.note("damages", damaged(folder))
    before = records(folder)
    ended = Child(in_folder(trial.last, folder), log).wait()
    reference.judge(folder, ended, before, command.replaces and trial.last == command.words, tally)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make trials until so many processes were killed; return 1 where anything was found."""
    parser = parser_of("kills", __doc__)
    parser.add_argument("--kills", type=int, default=500, help="how many processes are killed, at least")
    parser.add_argument("--jobs", type=int, default=1, help="processes that a command runs its cells in")
    parser.add_argument("--executor", choices=_WHOM, default="local", help="whose processes these are")
    asked = parser.parse_args(arguments)
    jobs = ("--jobs", str(asked.jobs), "--executor", asked.executor) if asked.jobs > 1 else ()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="kills-", dir=asked.work) as where:
        work = Path(where)
        references = references_of(asked.command, work, asked.jobs, asked.executor)
        number = asked.trial or 0
        while tally.trials == 0 or (asked.trial is None and _killed(tally) < asked.kills):
            before = tally.found.total()
            trial = drawn(asked.seed, number, references)
            make(trial, references[number % len(references)], work, tally)
            tally.end(trial, before, f"{repeated(parser, asked, *jobs)} --trial {number}")
            number += 1
    print(f"{_killed(tally)} kills in {tally}")
    return int(tally.found.total() > 0)


def _killed(tally: Tally) -> int:
    return sum(count for kind, count in tally.done.items() if kind.startswith("kills"))


if __name__ == "__main__":
    sys.exit(main())
