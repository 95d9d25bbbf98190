"""What the check on a GPU prints and keeps, part by part."""

import csv
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final, final

import torch

from bench.errors import headline

DEVICE: Final = torch.device(os.environ.get("DEVICE", "cuda"))
ON_GPU: Final = DEVICE.type == "cuda"
LIMIT: Final = 450.0
"""Seconds after which no part is begun any more: all is to end within eight minutes."""


@dataclass(frozen=True)
class Row:
    """One number, as the CSV has it."""

    part: str
    what: str
    size: int
    value: float
    unit: str


@final
@dataclass
class Report:
    """Prints findings, and keeps numbers."""

    begun: float = field(default_factory=time.perf_counter)
    rows: list[Row] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    part: str = ""

    def run(self, name: str, work: Callable[["Report"], None]) -> None:
        """Run a part; whatever it raises is a finding, and the next part is run."""
        self.part = name
        taken = time.perf_counter() - self.begun
        print(f"\n== {name} ({taken:.0f} s)", flush=True)
        if taken > LIMIT:
            self.say("not begun: the time is over")
            self.failed.append(name)
            return
        try:
            work(self)
        except Exception as error:
            self.wrong(f"{type(error).__name__}: {headline(error)[:200]}")

    def say(self, line: str) -> None:
        """Print a finding."""
        print(f"  {line}", flush=True)

    def wrong(self, line: str) -> None:
        """Print a finding that should not be."""
        print(f"  WRONG {line}", flush=True)
        self.failed.append(self.part)

    def check(self, is_so: bool, line: str) -> None:
        """Print a finding, as wrong unless it is so."""
        if is_so:
            self.say(line)
        else:
            self.wrong(line)

    def keep(self, what: str, size: int, value: float, unit: str) -> None:
        """Print a number and keep it."""
        self.say(f"{what}: {value:.4g} {unit}")
        self.rows.append(Row(self.part, what, size, value, unit))

    def write(self, path: Path) -> None:
        """Write the numbers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [column.name for column in fields(Row)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.rows)
