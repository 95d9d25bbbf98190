"""Checkpoints of a running cell: all that its end depends on, so that a killed run ends with the same numbers."""

import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, final

from bench.execution.kept import keep, kept
from bench.execution.sources import Maker
from bench.measure.chunk import LARGEST_CHUNK
from bench.results.aside import set_aside
from bench.results.schema import GradientRow
from bench.settings import Cell
from bench.training.restoring import Unfit, built, require, require_duration
from bench.training.trainer import Trainer

_SECONDS: Final = float(os.environ.get("BENCH_CHECKPOINT_SECONDS", "10"))


@dataclass
class Progress:
    """What a cell has produced so far beside its parameters.

    Attributes:
        gradients: rows measured so far.
        measured: steps that were measured.
        notes: sentences for the record.
        chunk: replicates drawn at once in the last measurement; memory may have held fewer than were asked for.
        chunks: replicates to draw at once, by what is drawn.
        onednn: whether oneDNN multiplies its float32 matrices.
        seconds: wall time of earlier, interrupted runs.
    """

    gradients: list[GradientRow] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chunk: int | None = None
    chunks: dict[str, int] = field(default_factory=dict)
    onednn: bool = False
    seconds: float = 0.0


def steps_taken(file: Path) -> int:
    """Return the training steps that a checkpoint file continues from; 0 where there is none that can be read."""
    try:
        step = (kept(file) or {})["trainer"]["progress"]["step"]
    except (Unfit, KeyError, TypeError):
        return 0
    return step if isinstance(step, int) else 0


def other_maker(file: Path, maker: Maker) -> str:
    """Return in words why another maker made a checkpoint; empty if not, or if it cannot be read or does not exist.

    What is wrong with one that cannot be read is said when it is restored.
    """
    try:
        state = kept(file)
    except Unfit:
        return ""
    return "" if state is None else maker.difference(state.get("made"))


def continues(file: Path, maker: Maker) -> bool:
    """Return whether there is a checkpoint to continue from, or to set aside."""
    return file.exists() and not other_maker(file, maker)


def discard(file: Path) -> None:
    """Remove a checkpoint that must not be continued; something in its place that is not a file gets another name."""
    if file.is_dir():
        set_aside(file)
    else:
        file.unlink(missing_ok=True)


@final
class Checkpoint:
    """One cell's checkpoint file, written whole every few seconds of training and after every measurement."""

    def __init__(self, file: Path, cell: Cell, trainer: Trainer, progress: Progress, maker: Maker) -> None:
        self.file, self.cell, self.trainer, self.progress, self.maker = file, cell, trainer, progress, maker
        self._begun = self._saved = time.perf_counter()
        self._before = progress.seconds

    def seconds(self) -> float:
        """Return the wall time of the cell, interrupted runs included."""
        return self._before + time.perf_counter() - self._begun

    def save(self) -> None:
        """Write the state of the cell.

        Raises:
            ResultsError: the folder does not take it.
        """
        self.progress.seconds = self.seconds()
        state: dict[str, Any] = {
            "made": asdict(self.maker),
            "cell": self.cell.id,
            "trainer": self.trainer.state(),
            "progress": vars(self.progress) | {"gradients": [dict(vars(row)) for row in self.progress.gradients]},
        }
        keep(self.file, state)
        self._saved = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is some seconds old."""
        return time.perf_counter() - self._saved >= _SECONDS

    def restore(self) -> str | None:
        """Continue from the file where there is one; must be called on the random stream that training draws from.

        All of it is looked at before any of it is taken.

        Returns:
            Why the cell starts anew though there was a file, which now has another name.
        """
        try:
            state = kept(self.file)
            if state is None:
                return None
            require(not (why := self.maker.difference(state.get("made"))), why)
            require(state.get("cell") == self.cell.id, "it belongs to another cell")
            progress = self._progress(state.get("progress"))
            self.trainer.restore(state.get("trainer"))
        except Unfit as why:
            aside = set_aside(self.file)
            return f"its checkpoint was unusable ({why}) and is now {aside.name}: the cell started again"
        vars(self.progress).update(vars(progress))
        self._before = progress.seconds
        return None

    def _progress(self, values: Any) -> Progress:
        """Return the progress in a file.

        Raises:
            Unfit: this cell cannot have got there.
        """
        names = vars(self.progress).keys()
        require(isinstance(values, dict) and values.keys() == names, "progress lacks a part, or has an unknown one")
        lists = [values[name] for name in ("gradients", "measured", "notes")]
        require(all(isinstance(value, list) for value in lists), "progress holds no lists")
        measured, notes, chunk, seconds = (values[name] for name in ("measured", "notes", "chunk", "seconds"))
        chunks, onednn = values["chunks"], values["onednn"]
        rows = [built(GradientRow, row, "gradients") for row in values["gradients"]]
        known = range(self.cell.training.steps + 1)
        require(all(type(step) is int and step in known for step in measured), "a step is not of this training")
        require(len(set(measured)) == len(measured), "a step was measured twice")
        require({row.step for row in rows} == set(measured), "steps measured and their moments differ")
        require(all(isinstance(note, str) for note in notes), "a note is not a text")
        require(chunk is None or _is_chunk(chunk), "progress.chunk is not a number of replicates")
        require(isinstance(chunks, dict) and all(map(_is_chunk, chunks.values())), "progress.chunks are not numbers")
        require(all(isinstance(name, str) for name in chunks), "progress.chunks do not match what is drawn")
        require(type(onednn) is bool, "progress.onednn is neither true nor false")
        require(type(seconds) is float, "progress.seconds is not a time")
        require_duration(seconds, "progress.seconds")
        return Progress(rows, measured, notes, chunk, chunks, onednn, seconds)


def _is_chunk(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_CHUNK
