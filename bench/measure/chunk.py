"""How many replicates to batch at once: measured once per task, estimator and machine, and remembered.

On a CPU a chunk that leaves the cache is slower than a loop; on a GPU, and on small tasks anywhere, a large chunk is
10 to 100 times faster. Which draws a replicate sees depends on the chunk, so it is part of what a record states.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Annotated, Final

from msgspec import Meta
from torch import Tensor

from bench.machine.device import in_memory
from bench.machine.findings import Findings, here
from bench.machine.stopwatch import Stopwatch
from bench.machine.streams import seeded
from bench.measure.cost import peak_memory
from bench.measure.moments import Moments, NotFinite
from bench.measure.replicates import LOOP, Replicator

_BYTES: Final = {"cpu": 512 << 20, "cuda": 8 << 30}
"""At most this much memory for what a chunk holds at once."""

LARGEST_CHUNK: Final = 16_384

_SHARE: Final = 0.1
"""What the search may take, of the time in which the replicates that it serves would be drawn one by one."""

_CLEARLY: Final = 0.97
"""Of the time of what is compared with, that something takes at most that is called faster: equal times are noise."""

_ENOUGH: Final = 300
"""Replicates from which on it is tried out whether linear layers give the same gradients."""

_DRAWS: Final = 20
"""At most so many of each chunk."""

_FINDINGS: Final = Findings[int]("chunks", Annotated[int, Meta(ge=LOOP, le=LARGEST_CHUNK)])


def chunk_size(
    replicator: Replicator, x: Tensor, known: MutableMapping[str, int], *identity: object, replicates: int
) -> int:
    """Return the number of replicates to draw at once, measured if it is not remembered for `identity`.

    The replicator is set to draw by layer where that is the faster way.

    Args:
        replicator: what draws them.
        x: the batch that they are drawn on.
        known: what a cell has drawn at once so far, by identity, which it keeps to whatever machine it goes on on; what
            is found is put there.
        identity: what chunk sizes are remembered by.
        replicates: how many are going to be drawn, at least.
    """
    with seeded(x.device, "chunk"):
        if replicator.check_batching(x):
            return LOOP
    name = "/".join(map(str, identity))
    if (chunk := _taken(known, name, replicator, x)) is None:
        chunk = _remembered_or_fastest(replicator, x, replicates, *identity)
        known[_named(name, replicator)] = chunk
    return chunk


def _named(name: str, replicator: Replicator) -> str:
    """Return what a chunk is remembered by, which tells how it is drawn."""
    return name if replicator.layers is None else f"{name}/by layer"


def _taken(known: Mapping[str, int], name: str, replicator: Replicator, x: Tensor) -> int | None:
    """Return the chunk that is known, if one is, and set the replicator to draw in the way that goes with it."""
    if name in known:
        return known[name]
    if (chunk := known.get(f"{name}/by layer")) is not None:
        replicator.layers = replicator.layers_on(x)
    return chunk


def _remembered_or_fastest(replicator: Replicator, x: Tensor, replicates: int, *identity: object) -> int:
    # A long measurement does not do with what a short one had the time to find.
    key = here(x.device, *identity, replicator.size, tuple(x.shape), replicates.bit_length())
    if (remembered := _taken(_FINDINGS.read(), key, replicator, x)) is not None:
        return remembered
    # Not while the file is locked: other processes would wait for a measurement that is none of theirs.
    with seeded(x.device, "chunk"):
        chunk = fastest_way(replicator, x, replicates)
    # What memory has room for now is no matter of the machine: a limit is of one run.
    if replicator.largest >= LARGEST_CHUNK:
        _FINDINGS.remember(_named(key, replicator), chunk)
    return chunk


def fastest_way(replicator: Replicator, x: Tensor, replicates: int) -> int:
    """Return the fastest chunk, by layer or not, and set the replicator to draw so."""
    layers = replicator.layers_on(x) if replicates >= _ENOUGH else None
    if layers is None:
        return fastest_chunk(replicator, x, replicates)
    # Half of what the search may take is for each way.
    whole = fastest_chunk(replicator, x, replicates // 2)
    replicator.layers = layers
    by_layer = fastest_chunk(replicator, x, replicates // 2)
    if by_layer != LOOP and _is_faster(replicator, x, by_layer, whole):
        return by_layer
    replicator.layers = None
    return whole


def _is_faster(replicator: Replicator, x: Tensor, by_layer: int, whole: int) -> bool:
    """Return whether replicates are faster by layer, each in its best chunk; both take turns."""
    layers, times = replicator.layers, {True: list[float](), False: list[float]()}
    read = _reader(replicator, x)
    for turn in (True, False, True, False):
        replicator.layers = layers if turn else None
        times[turn].append(_time(read, x, by_layer if turn else whole, 0.0))
    replicator.layers = layers
    return min(times[True]) < _CLEARLY * min(times[False])


def fastest_chunk(replicator: Replicator, x: Tensor, replicates: int, seconds: float = 0.1) -> int:
    """Return the chunk with the least time per replicate, doubling it while that pays.

    A batch has a cost of its own, of some single replicates: where doubling still pays, it goes on, even if chunks so
    far were slower than a loop. It ends where that would take more than a tenth of the time in which the replicates
    would be drawn one by one, or where a chunk holds too much memory.

    Args:
        replicator: what draws them.
        x: the batch that they are drawn on.
        replicates: how many are going to be drawn, at least.
        seconds: for each chunk, at most; two draws are made in any case.
    """
    watch, read = Stopwatch(x.device), _reader(replicator, x)
    best, best_time, chunk, worse = LOOP, _time(read, x, LOOP, 0.0), 2, 0
    allowed = _SHARE * replicates * best_time
    best_time = before = min(best_time, _time(read, x, LOOP, min(seconds, allowed / 16)))
    each = max(peak_memory(partial(replicator.draw, x, LOOP), x.device), replicator.size * x.element_size())
    largest = min(LARGEST_CHUNK, _BYTES[x.device.type] // each)
    while chunk <= largest and worse < 2:
        left = allowed - watch.seconds()
        if 2 * chunk * before > left:
            break
        duration = in_memory(partial(_time, read, x, chunk, min(seconds, left / 16)), divisible=True)
        if duration is None or replicator.largest < chunk:
            # It did not fit, or was drawn in parts: memory holds no more.
            break
        # A larger chunk must be clearly faster: it costs memory, and equal times are noise.
        if duration < _CLEARLY * best_time:
            best, best_time = chunk, duration
        worse = 0 if duration < _CLEARLY * before else worse + 1
        before = duration
        chunk *= 2
    return best


def _reader(replicator: Replicator, x: Tensor) -> Callable[[int], object]:
    """Return what draws so many replicates and adds them to moments: gradients by layer are formed only then."""
    moments = Moments(replicator.size, x.dtype, x.device)

    def read(chunk: int) -> None:
        # Whoever measures is told of what is not finite.
        with suppress(NotFinite):
            moments.read(replicator.rows(x, chunk))

    return read


def _time(read: Callable[[int], object], x: Tensor, chunk: int, seconds: float) -> float:
    """Return the seconds per replicate, the fastest of at least two draws, for about so many seconds."""
    fastest, whole, draws = float("inf"), Stopwatch(x.device), 0
    while draws < 2 or (whole.seconds() < seconds and draws < _DRAWS):
        watch = Stopwatch(x.device)
        read(chunk)
        fastest = min(fastest, watch.seconds() / chunk)
        draws += 1
    return fastest
