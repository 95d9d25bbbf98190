"""A small results folder with a file of every kind that varbench writes and reads, and the commands that make it."""

import json
import os
import shutil
from pathlib import Path
from typing import Final

from bench.execution.checkpoint import Checkpoint
from bench.names.commands import KEPT_MOMENTS
from bench.results.store import Store
from tests.bench.results.samples import of_version
from tests.torture.corruption_forks import Outcome, forked

RESULTS: Final = "R"
KEPT: Final = Path(__file__).resolve().parents[2] / KEPT_MOMENTS
"""Where the repository keeps moments."""

SWEEP: Final = """\
task = ["linear-gaussian(dim=2, n=24)"]
estimator = ["reinforce-ema", "reparam"]
steps = 4
checkpoints = 2
replicates = 40
evaluation-samples = 5
seeds = "0-1"
at = "shared"
batch-seeds = "off"
"""
_FEW: Final = ("--replicates", "40", "--evaluation-samples", "5", "--checkpoints", "2", "--at", "own")
_MODEL: Final = ("--task", "linear-gaussian(dim=2, n=16)")
_OUT: Final = ("--out", RESULTS)

RUNS: Final[dict[str, tuple[str, ...]]] = {
    "sweep": ("run", "--config", "sweep.toml", *_OUT),
    "untrained": (
        "run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--estimator", "reparam", "--no-train",
        "--replicates", "40", *_OUT,
    ),
    "shown": ("run", "--task", "gaussian-mixture(n=20)", "--estimator", "enumerate", "--steps", "3", *_FEW, *_OUT),
    "diverged": (
        "run", *_MODEL, "--estimator", "tests.bench.execution.strangers:Straying", "--steps", "6", "--optimizer", "sgd",
        "--guide-lr", "1", "--model-lr", "1", *_FEW, *_OUT,
    ),
    "failed": (
        "run", "--task", "gaussian-quadratic", "--estimator",
        "tests.bench.execution.strangers:OwnEstimator(at=estimate)", "--no-train", "--replicates", "40", *_OUT,
    ),
    "interrupted": ("run", *_MODEL, "--estimator", "reinforce-ema", "--steps", "6", *_FEW, *_OUT),
    "of-before": ("run", *_MODEL, "--estimator", "reparam", "--steps", "3", *_FEW, *_OUT),
}  # fmt: skip
"""By what is special about them, the commands that make the results folder."""

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "record": ("R/*/*/record.json",),
    "note of a run": ("R/runs/*.json",),
    "note of a cell begun": ("R/*/*/begun.json",),
    "checkpoint": ("R/*/*/checkpoint.pt",),
    "trajectory": ("R/*/trajectory-*.pt",),
    "parameters": ("R/*/*/parameters.pt",),
    "datapoints": ("R/*/*/datapoints.npy",),
    "traceback": ("R/*/*/traceback.txt",),
    "lock": ("R/*/*/.lock", "R/*/trajectory-*.lock", "R/runs/.lock", "R/tables/.lock", "cache/chunks.lock"),
    "table": ("R/tables/*.csv", "R/tables/*.parquet"),
    "figure": ("R/figures/*",),
    "chunks": ("cache/chunks.json",),
    "kept moments": ("kept/moments.csv",),
    "configuration": ("sweep.toml",),
}
"""Where the files of each kind are."""

WITH_DIGEST: Final = ("record", "note of a run", "note of a cell begun", "checkpoint", "trajectory", "parameters")
"""The kinds of which `bench results validate` finds any change."""


def files(root: Path) -> dict[str, list[Path]]:
    """Return the files of each kind below a folder, sorted."""
    return {kind: sorted(path for one in where for path in root.glob(one)) for kind, where in KINDS.items()}


def make(root: Path) -> None:
    """Make the folder: every kind of file, and cells that are done, untrained, diverged, failed and interrupted."""
    root.mkdir(parents=True)
    (root / "sweep.toml").write_text(SWEEP)
    (root / "kept").mkdir()
    shutil.copy(KEPT / "moments.csv", root / "kept")
    for name, command in RUNS.items():
        more = ("--plot",) if name == "sweep" else ()
        (outcome,) = forked(root, [(*command, *more)], before=_killed_early if name == "interrupted" else None)
        _expect(outcome, {"failed": 3, "interrupted": None}.get(name, 0))
    _make_old(root)


def finish(root: Path) -> None:
    """Run in a copy of the folder what was interrupted, to have its numbers and its chunk."""
    (outcome,) = forked(root, [RUNS["interrupted"]])
    _expect(outcome, 0)


def _expect(outcome: Outcome, code: int | None) -> None:
    if outcome.code != code:
        raise RuntimeError(f"{outcome.command} ended with {outcome.code}: {outcome.err}")


def _killed_early() -> None:
    """Let this process end without a word when a cell that has been trained for some steps is saved."""
    save = Checkpoint.save

    def last(self: Checkpoint) -> None:
        save(self)
        if self.trainer.progress.step:
            os._exit(0)

    Checkpoint.save = last
    Checkpoint.due = property(lambda self: self.trainer.progress.step >= 3)  # pyright: ignore[reportAttributeAccessIssue] - in place of its own


def _make_old(root: Path) -> None:
    """Make one record what version 5 wrote, which knew no digest."""
    path = old_record(root)
    path.write_text(json.dumps(of_version(5, path.read_bytes()), indent=1))


def old_record(root: Path) -> Path:
    """Return where the record is that a version without digests might have written."""
    (path,) = (path for path in (root / RESULTS).glob("*/*/record.json") if makers(root, path) == {"of-before"})
    return path


def makers(root: Path, path: Path) -> set[str]:
    """Return which of `RUNS` make what a whole file belongs to: the cell whose folder it lies in, or a trajectory."""
    place = path.relative_to(root).parts
    if place[0] != RESULTS or len(place) < 3 or place[1] not in planned_tasks(root):
        return set()
    if len(place) == 3:
        return {"sweep"}
    return {name for name, folders in planned(root).items() if f"{place[1]}/{place[2]}" in folders}


def planned_tasks(root: Path) -> set[str]:
    """Return the names of the folders of tasks."""
    return {folder.partition("/")[0] for folders in planned(root).values() for folder in folders}


def planned(root: Path) -> dict[str, set[str]]:
    """Return the cells' folders by which of `RUNS` makes them, as the notes of the whole folder have them."""
    by_command = {command: name for name, command in RUNS.items()}
    found: dict[str, set[str]] = {}
    for note in Store(root / RESULTS).runs():
        words = tuple(word for word in note.argv[1:] if word != "--plot")
        found.setdefault(by_command[words], set()).update(plan.folder for plan in note.cells)
    return found
