"""The commands that are killed, each with the results of one that was not."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.torture.forked import FIGURES, Child, Ended
from tests.torture.operations import Counting, watch
from tests.torture.tally import Tally
from tests.torture.verdicts import TIMED, damaged, differing, files, leftovers, lost

OUT: Final = "{out}"
"""Stands for the results folder."""

_SHARED: Final = ("--at", "shared", "--batch-seeds", "off", "--steps", "6", "--checkpoints", "2", "--plot")
_MEASURED: Final = ("--replicates", "40", "--evaluation-samples", "5", "--out", OUT)
_TWO: Final = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--estimator", "reparam")
_TRAINED: Final = (
    "run", "--task", "bernoulli-quadratic", "--estimator", "reinforce-ema", "--at", "own", "--batch-seeds", "off",
    "--seeds", "0-1", "--steps", "6", "--checkpoints", "2", *_MEASURED,
)  # fmt: skip
_TOGETHER: Final = ("--at", "own", "--batch-seeds", "on", "--seeds", "0-2", "--steps", "6", "--checkpoints", "2")


@dataclass(frozen=True)
class Command:
    """A command that is killed and given again.

    Attributes:
        name: what it is called here.
        words: without `bench`; `OUT` stands for the folder.
        after: words of the command that has filled the folder before; empty where it begins with none.
        forgets: whether the notes of runs are lost, so that all records are stale.
        goes_on: words that may finish it, if not only its own.
        rounding: share of a column's largest number by which tables may differ; 0 where they are the same to the bit.
        jobs: processes that it runs cells in.
        executor: whose these are.
    """

    name: str
    words: tuple[str, ...]
    after: tuple[str, ...] = ()
    forgets: bool = False
    goes_on: tuple[str, ...] = ()
    rounding: float = 0.0
    jobs: int = 1
    executor: str = "local"

    @property
    def imports(self) -> tuple[str, ...]:
        """What it imports when it needs it."""
        return FIGURES if "--plot" in self.words or self.words[0] == "plot" else ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Metrics in which a command differs from itself: other threads of a Dask worker free memory meanwhile."""
        return (*TIMED, "peak_memory") if self.executor == "dask" else TIMED

    @property
    def replaces(self) -> bool:
        """Whether finished cells are run again."""
        return "--rerun" in self.words

    def in_processes(self, jobs: int, executor: str) -> "Command":
        """Return it with its cells in so many processes; as it is with one, or where it runs no cells."""
        if jobs == 1 or self.words[0] != "run":
            return self
        more = ("--jobs", str(jobs), "--executor", executor)
        goes_on = self.goes_on and (*self.goes_on, *more)
        return replace(self, words=(*self.words, *more), goes_on=goes_on, jobs=jobs, executor=executor)


COMMANDS: Final = {
    command.name: command
    for command in (
        Command("untrained", (*_TWO, "--no-train", *_MEASURED)),
        Command("trained", _TRAINED),
        Command("shared", (*_TWO, *_SHARED, *_MEASURED)),
        # Single and double precision: what seeds in one step differ by is what rounding does to a training.
        Command("together", (*_TWO[:5], *_TOGETHER, "--dtype", "float64", *_MEASURED), rounding=1e-9),
        Command("together32", (*_TWO[:3], *_TWO[5:], *_TOGETHER, "--dtype", "float32", *_MEASURED), rounding=1e-3),
        Command("rerun-all", (*_TRAINED, "--rerun", "all"), after=_TRAINED, goes_on=_TRAINED),
        Command("rerun-stale", (*_TRAINED, "--rerun", "stale"), after=_TRAINED, forgets=True),
        Command(
            "plot",
            ("plot", "variance", OUT, "--out", f"{OUT}/figures/variance.svg", "--data"),
            after=(*_TWO, "--no-train", *_MEASURED),
        ),
    )
}


def in_folder(words: tuple[str, ...], folder: Path) -> list[str]:
    """Return words with the folder in them."""
    return [word.replace(OUT, str(folder)) for word in words]


@dataclass(frozen=True)
class Reference:
    """What a command makes that nothing disturbs.

    Attributes:
        command: which.
        folder: its results.
        filled: what was there before; None where nothing was.
        counts: what it does to files: how often, by call and part.
        seconds: how long it takes.
    """

    command: Command
    folder: Path
    filled: Path | None
    counts: Mapping[str, int]
    seconds: float

    def begin(self, folder: Path) -> None:
        """Put into a folder what is there before the command."""
        if self.filled is not None:
            shutil.copytree(self.filled, folder)

    def judge(self, folder: Path, ended: Ended, before: Mapping[str, bytes], replaces: bool, tally: Tally) -> None:
        """Look at what a command has left that was to finish a folder.

        Args:
            folder: which.
            ended: how the command ended.
            before: the records that were there before it.
            replaces: whether it may replace them.
            tally: is told what should not be.
        """
        if ended.code != 0 or "corrupt" in ended.said or "Traceback" in ended.said:
            tally.note("failed commands", [failure(ended)])
            return
        tally.note("losses", lost(before, folder, replaces))
        tally.note("damages", damaged(folder))
        wanted = files(self.folder)
        tally.note("losses", sorted(f"{name} is not there" for name in wanted - files(folder)))
        tally.note("leftovers", leftovers(folder, wanted))
        tally.note("differing tables", differing(self.folder, folder, self.command.rounding, self.command.left_out))


def referred(command: Command, work: Path) -> Reference:
    """Run a command undisturbed, twice: the first time measures chunks, and the tables of both must be the same."""
    filled = None
    if command.after:
        filled = work / f"{command.name}-filled"
        _succeed(Child(in_folder(command.after, filled), work / "log").wait())
        if command.forgets:
            shutil.rmtree(filled / "runs")
    first, second = Reference(command, work / f"{command.name}-1", filled, {}, 0.0), work / command.name
    first.begin(first.folder)
    _succeed(Child(in_folder(command.words, first.folder), work / "log").wait())
    first.begin(second)
    counting, counted = Counting(), work / "counts"

    def save() -> None:
        counting.save(counted)

    before: Callable[[], object] = lambda: watch(second, counting)  # noqa: E731 - a name for what the child does first
    ended = Child(in_folder(command.words, second), work / "log", before, save).wait()
    _succeed(ended)
    if different := differing(first.folder, second, 0.0, command.left_out):
        raise RuntimeError(f"{command.name} does not repeat itself: {different[0]}")
    shutil.rmtree(first.folder)
    return Reference(command, second, filled, json.loads(counted.read_text()), ended.seconds)


def failure(ended: Ended) -> str:
    """Return how a command ended, and what it said."""
    return f"a command ended with {ended.code}, and said:\n{ended.said}"


def _succeed(ended: Ended) -> None:
    if ended.code != 0:
        raise RuntimeError(f"nothing disturbed it, and {failure(ended)}")
