"""Runs on a machine that lacks something, and runs beside each other: `python -m tests.torture.machine --trials 100`.

README.md beside this file says what is drawn, what is checked and what is printed.
"""

import itertools
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.torture.asked import parser_of, references_of, repeated
from tests.torture.commands import Command, Reference, failure, in_folder
from tests.torture.disks import ROOM, cannot_mount, disk
from tests.torture.forked import Child, Ended
from tests.torture.kills import Kill, kill_of
from tests.torture.tally import Tally
from tests.torture.verdicts import damaged, lost, records

_MOST_FILES: Final = 6
_PAGE: Final = 4096


@dataclass(frozen=True)
class Trial:
    """A fault, and the command that meets it and is given again when it is mended.

    Attributes:
        number: it is drawn from the seed and this.
        kind: of fault: one of `FAULTS`.
        command: which.
        share: how much there is of what is lacking, of what the command needs at most.
        kills: of processes at the same work, when each is killed if it is; of others, what was done before the fault.
    """

    number: int
    kind: str
    command: Command
    share: float
    kills: tuple[Kill | None, ...]

    def __str__(self) -> str:
        kills = ", ".join("none" if kill is None else f"a kill {kill}" for kill in self.kills)
        return f"trial {self.number}: {self.command.name}, {self.kind} ({self.share:.1%}; {kills})"


def _full_disk(trial: Trial, reference: Reference, work: Path, tally: Tally) -> None:
    """Let the disk have room for a share of the results' bytes."""

    def limited(now: os.statvfs_result) -> str:
        pages = sum(-(-path.stat().st_size // _PAGE) for path in reference.folder.rglob("*") if path.is_file())
        return f"size={(now.f_blocks - now.f_bfree + 1) * now.f_frsize + int(trial.share * pages) * _PAGE}"

    _on_a_small_disk(trial, reference, work, tally, limited)


def _full_table(trial: Trial, reference: Reference, work: Path, tally: Tally) -> None:
    """Let the disk take a share of the results' files."""

    def limited(now: os.statvfs_result) -> str:
        files = len(list(reference.folder.rglob("*")))
        return f"nr_inodes={now.f_files - now.f_ffree + 1 + int(trial.share * files)}"

    _on_a_small_disk(trial, reference, work, tally, limited)


def _on_a_small_disk(
    trial: Trial, reference: Reference, work: Path, tally: Tally, limited: Callable[[os.statvfs_result], str]
) -> None:
    with disk(work / "disk", ROOM) as full:
        folder = full.where / "R"
        reference.begin(folder)
        full.remount(limited(os.statvfs(full.where)))
        before = records(folder)
        ended = Child(in_folder(trial.command.words, folder), work / "log").wait()
        _require_sentence(ended, tally)
        _require_kept(trial, before, folder, tally)
        full.remount(ROOM)
        _finish(trial, reference, folder, work, tally)


def _few_files(trial: Trial, reference: Reference, work: Path, tally: Tally) -> None:
    """Let the process have few files open, beside those that it has."""
    folder = work / "trial"

    def limit() -> None:
        there = set(map(int, os.listdir("/proc/self/fd")))
        free = (number for number in itertools.count() if number not in there)
        first_not_allowed = next(itertools.islice(free, int(trial.share * _MOST_FILES), None))
        resource.setrlimit(resource.RLIMIT_NOFILE, (first_not_allowed, first_not_allowed))

    reference.begin(folder)
    before = records(folder)
    ended = Child(in_folder(trial.command.words, folder), work / "log", limit).wait()
    _require_sentence(ended, tally)
    _require_kept(trial, before, folder, tally)
    _finish(trial, reference, folder, work, tally)


def _read_only(trial: Trial, reference: Reference, work: Path, tally: Tally) -> None:
    """Let a killed run's folder take nothing any more."""
    with disk(work / "disk", ROOM) as stuck:
        folder = stuck.where / "R"
        reference.begin(folder)
        for kill in filter(None, trial.kills):
            child, kill_after = kill.start(reference, folder, work / "log")
            child.wait(kill_after)
        before = records(folder)
        stuck.remount("ro")
        ended = Child(in_folder(trial.command.words, folder), work / "log").wait()
        _require_sentence(ended, tally, may_do=False)
        _require_kept(trial, before, folder, tally)
        stuck.remount("rw")
        _finish(trial, reference, folder, work, tally)


def _at_once(trial: Trial, reference: Reference, work: Path, tally: Tally) -> None:
    """Let several processes do the same, of which some are killed."""
    folder = work / "trial"
    reference.begin(folder)
    before = records(folder)
    started: list[tuple[Child, float | None]] = []
    for number, kill in enumerate(trial.kills):
        log = work / f"log-{number}"
        if kill is None:
            started.append((Child(in_folder(trial.command.words, folder), log), None))
        else:
            started.append(kill.start(reference, folder, log))
    # Those first that are killed by the clock, since a wait is what kills them.
    ended = [child.wait(after) for child, after in sorted(started, key=lambda each: each[1] or float("inf"))]
    killed = sum(one.was_killed for one in ended)
    tally.done["processes at once"] += len(ended)
    tally.done["of them killed"] += killed
    tally.note("failed commands", [failure(one) for one in ended if not one.was_killed and one.code != 0])
    _require_kept(trial, before, folder, tally)
    if killed:
        _finish(trial, reference, folder, work, tally)
    else:
        reference.judge(folder, ended[-1], before, trial.command.replaces, tally)


FAULTS: Final[dict[str, Callable[[Trial, Reference, Path, Tally], None]]] = {
    "a full disk": _full_disk,
    "a disk full of files": _full_table,
    "few files": _few_files,
    "a read-only folder": _read_only,
    "several processes": _at_once,
}
_MOUNTED: Final = ("a full disk", "a disk full of files", "a read-only folder")


def _require_sentence(ended: Ended, tally: Tally, may_do: bool = True) -> None:
    """Note it unless a command ended in a sentence and with 5, or did what it was to do where that may be."""
    is_sentence = any(line.startswith("Error: ") for line in ended.said.splitlines()) and "Traceback" not in ended.said
    if ended.code == 5 and is_sentence:
        tally.done["commands that ended in a sentence"] += 1
    elif ended.code == 0 and may_do and "Traceback" not in ended.said:
        tally.done["commands that did all the same"] += 1
    else:
        tally.note("failed commands", [failure(ended)])


def _require_kept(trial: Trial, before: dict[str, bytes], folder: Path, tally: Tally) -> None:
    tally.note("losses", lost(before, folder, trial.command.replaces))
    tally.note("damages", damaged(folder))


def _finish(trial: Trial, reference: Reference, folder: Path, work: Path, tally: Tally) -> None:
    before = records(folder)
    ended = Child(in_folder(trial.command.words, folder), work / "log").wait()
    reference.judge(folder, ended, before, trial.command.replaces, tally)


def drawn(seed: int, number: int, kinds: Sequence[str], references: Sequence[Reference]) -> tuple[Trial, Reference]:
    """Return a trial, and what its command makes undisturbed."""
    chance = random.Random(f"machine/{seed}/{number}")
    kind, reference = kinds[number % len(kinds)], chance.choice(references)
    kills: tuple[Kill | None, ...] = ()
    if kind == "several processes":
        draw = [kill_of(chance, reference) if chance.random() < 0.3 else None for _ in range(chance.choice((2, 2, 4)))]
        kills = tuple(draw)
    elif kind == "a read-only folder":
        kills = (kill_of(chance, reference),)
    return Trial(number, kind, reference.command, chance.random() * 1.1, kills), reference


def many_seeds(work: Path, seeds: int, tally: Tally) -> None:
    """Train more seeds in one step than a process may have files open."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

    words = "run --task gaussian-quadratic --estimator reinforce --batch-seeds on --steps 1 --checkpoints 1"
    words += f" --replicates 40 --evaluation-samples 5 --seeds 0-{seeds - 1} --out {work / 'many'}"
    ended = Child(words.split(), work / "log", limit).wait(patience=3600.0)
    if ended.code != 0:
        tally.note("failed commands", [failure(ended)])
    tally.note("damages", damaged(work / "many"))
    tally.done["seeds at once with 1024 files"] += len(records(work / "many"))
    if len(records(work / "many")) != seeds:
        tally.note("losses", [f"{seeds} seeds have {len(records(work / 'many'))} records"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Make so many trials; return 1 where anything was found."""
    parser = parser_of("machine", __doc__)
    parser.add_argument("--trials", type=int, default=100, help="how many")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="this fault only; repeatable")
    parser.add_argument("--many", type=int, default=0, help="train so many seeds, too, with 1024 files")
    asked = parser.parse_args(arguments)
    # So that nothing stays mounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    kinds = list(dict.fromkeys(asked.fault or FAULTS))
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="machine-", dir=asked.work) as where:
        work = Path(where)
        why = cannot_mount(work)
        again = repeated(parser, asked, *(word for kind in kinds if asked.fault for word in ("--fault", kind)))
        references = references_of(asked.command, work)
        numbers = range(asked.trials) if asked.trial is None else [asked.trial]
        for number in numbers:
            before = tally.found.total()
            trial, reference = drawn(asked.seed, number, kinds, references)
            if why and trial.kind in _MOUNTED:
                tally.done[f"{trial.kind} not run"] += 1
                continue
            shutil.rmtree(work / "trial", ignore_errors=True)
            FAULTS[trial.kind](trial, reference, work, tally)
            tally.done[trial.kind] += 1
            tally.end(trial, before, f"{again} --trial {number}")
        if asked.many:
            many_seeds(work, asked.many, tally)
    print(f"not run: {why}\n{tally}" if why else tally)
    return int(tally.found.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
