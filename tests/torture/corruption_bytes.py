"""Each of many places of checkpoints, trajectories and parameters damaged in turn: none is taken for whole."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.errors import ResultsError
from bench.execution.kept import kept
from bench.results.parameters import written
from bench.results.tensors import load_tensors
from bench.training.restoring import Unfit
from tests.torture.corruption_folder import files
from tests.torture.corruption_forks import call


class Missed(NamedTuple):
    """How one file fared: bits flipped, lengths cut to, and which of these were read as if nothing had happened."""

    file: str
    size: int
    flipped: int
    cut: int
    read: list[str]


def missed(made: Path, places: int, seed: int) -> list[Missed]:
    """Damage a copy of each file at so many places, spread over all of it; see `_places`."""
    of_kind = files(made)
    found = []
    for kind in ("checkpoint", "trajectory", "parameters"):
        for path in of_kind[kind][:2]:
            answer = call(made, lambda path=path, kind=kind: _tried(path, kind, places, seed))
            found.append(Missed(str(path.relative_to(made)), *answer))
    return found


def lines(found: Sequence[Missed]) -> Iterator[str]:
    """Give a line for each file, and one for each place whose damage was not found."""
    for one in found:
        tried = f"{one.flipped} bits flipped, cut to {one.cut} lengths"
        yield f"{one.file}: {one.size} bytes, {tried}, {len(one.read)} read"
        yield from (f"  {what}" for what in one.read)


def _tried(path: Path, kind: str, places: int, seed: int) -> list[Any]:
    data = path.read_bytes()
    chance = random.Random(f"{seed}/{path.name}")
    chosen = _places(chance, len(data), places)
    read: Callable[[Path], object] = kept
    if kind == "parameters":
        told = written(data)
        read = lambda file: load_tensors(file, told)  # noqa: E731 - a name for one of two ways to read
    wrong = []
    with TemporaryDirectory() as temporary:
        # Whose a file is, is in the name of its folder.
        copy = Path(temporary) / path.parent.name / path.name
        copy.parent.mkdir()
        for place in chosen:
            damaged = bytearray(data)
            damaged[place] ^= 1 << chance.randrange(8)
            copy.write_bytes(damaged)
            wrong += [f"byte {place}"] * _is_read(read, copy)
            copy.write_bytes(data[:place])
            wrong += [f"cut to {place}"] * _is_read(read, copy)
    return [len(data), len(chosen), len(chosen), wrong]


def _places(chance: random.Random, size: int, count: int) -> list[int]:
    """Return places: the first line and the end, where the archive has its directory, whole; the rest evenly."""
    ends = [*range(min(size, 200)), *range(max(0, size - 400), size)]
    step = max(1, size // count)
    return sorted({*ends, *(min(size - 1, start + chance.randrange(step)) for start in range(0, size, step))})


def _is_read(read: Callable[[Path], object], path: Path) -> bool:
    try:
        read(path)
    except (Unfit, ResultsError):
        return False
    return True
