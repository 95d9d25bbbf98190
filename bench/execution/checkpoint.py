"""Checkpoints of a running cell: all that its end depends on, so that a killed run ends with the same numbers."""

import os
import pickle
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, final

import torch

from bench.execution.sources import Source
from bench.results.atomic import replacing
from bench.results.schema import GradientRow
from bench.training.trainer import Trainer

_UNREADABLE: Final = (RuntimeError, KeyError, ValueError, EOFError, TypeError, pickle.UnpicklingError)
_SECONDS: Final = float(os.environ.get("BENCH_CHECKPOINT_SECONDS", "10"))


@dataclass
class Progress:
    """What a cell has produced so far beside its parameters.

    Attributes:
        gradients: rows measured so far.
        measured: steps that were measured.
        notes: sentences for the record.
        chunk: replicates drawn at once.
        seconds: wall time of earlier, interrupted runs.
    """

    gradients: list[GradientRow] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chunk: int | None = None
    seconds: float = 0.0


def steps_taken(file: Path) -> int:
    """Return the training steps that a checkpoint file continues from; 0 where there is none that can be read."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True)["trainer"]["progress"]["step"]
    except (FileNotFoundError, *_UNREADABLE):
        return 0


def continues(file: Path, source: Source) -> bool:
    """Return whether there is a checkpoint file that this source has made; one that cannot be read counts as such."""
    try:
        return _made_by(torch.load(file, map_location="cpu", weights_only=True)) == source
    except FileNotFoundError:
        return False
    except _UNREADABLE:
        return True


def _made_by(state: dict[str, Any]) -> Source:
    """Return what made a checkpoint; those of before sources were kept are good for what is ours only."""
    return Source(**state.get("source", {}))


@final
class Checkpoint:
    """One cell's checkpoint file, written whole every few seconds of training and after every measurement."""

    def __init__(self, file: Path, trainer: Trainer, progress: Progress, source: Source) -> None:
        self.file, self.trainer, self.progress, self.source = file, trainer, progress, source
        self._begun = self._saved = time.perf_counter()
        self._before = progress.seconds

    def seconds(self) -> float:
        """Return the wall time of the cell, interrupted runs included."""
        return self._before + time.perf_counter() - self._begun

    def save(self) -> None:
        """Write the state of the cell."""
        self.progress.seconds = self.seconds()
        state: dict[str, Any] = {
            "trainer": self.trainer.state(),
            "progress": asdict(self.progress),
            "source": asdict(self.source),
        }
        with replacing(self.file) as stream:
            torch.save(state, stream)
        self._saved = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is some seconds old."""
        return time.perf_counter() - self._saved >= _SECONDS

    def restore(self) -> str | None:
        """Continue from the file where there is one; must be called on the random stream that training draws from.

        Returns:
            A warning where the file cannot be read; it is moved aside and the cell starts again.
        """
        if not self.file.exists():
            return None
        try:
            state = torch.load(self.file, map_location=self.trainer.device, weights_only=True)
            self.trainer.restore(state["trainer"])
        except _UNREADABLE as error:
            aside = self.file.with_suffix(".corrupt")
            self.file.replace(aside)
            return f"{self.file} cannot be read ({type(error).__name__}); kept as {aside.name}, starting anew"
        saved = state["progress"]
        saved["gradients"] = [GradientRow(**row) for row in saved["gradients"]]
        vars(self.progress).update(saved)
        self._before = self.progress.seconds
        return None
