"""The file of a cell's single test datapoints, beside its record: an array of NumPy's, a row for each.

A record is text that is read whole whenever a table is made, and has no room for ten thousand numbers.
"""

import io
import os
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.results import columns
from bench.results.atomic import placing
from bench.results.parameters import REMEDY, difference, written
from bench.results.parts import TOLD, Part, taken, told_in
from bench.results.schema import Datapoint, Written
from bench.results.store import DATAPOINTS

_TYPE: Final = np.dtype([(field.name, "<f8") for field in fields(Datapoint) if field.name != columns.PLACE])
_VERSION: Final = (1, 0)

_DAMAGE: Final = (ValueError, TypeError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError)
"""What comes of reading as a file's head whatever bytes there are."""


def save_datapoints(path: Path, values: Mapping[str, np.ndarray]) -> Written:
    """Write what is known of datapoints, whole or not at all; return what a record is to tell of the file.

    Args:
        path: of the file.
        values: [N] for each column of `Datapoint` but its place.

    Raises:
        MachineTrouble: the folder does not take it.
    """
    rows = np.empty(len(next(iter(values.values()))), _TYPE)
    for name in _TYPE.names or ():
        rows[name] = values[name]
    stream = io.BytesIO()
    np.lib.format.write_array(stream, rows, _VERSION, allow_pickle=False)
    payload = stream.getbuffer()
    with placing(path) as file:
        file.write(payload)
    return written(payload)


def load_datapoints(path: Path, told: Written | None = None) -> np.ndarray:
    """Return the rows that `save_datapoints` wrote, with the columns of `Datapoint` but its place as fields.

    Args:
        path: of the file.
        told: by its record, if that tells of it.

    Raises:
        ResultsError: it is not there, is another than was written, or holds something else.
    """
    if told is not None and (why := difference(path, told)):
        raise ResultsError(f"{path} {why}")
    try:
        return _rows(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise ResultsError(f"{path} cannot be read (it holds no datapoints)") from error


def datapoints_frame(
    part: Part,
    order: np.ndarray,
    folders: Mapping[int, Path],
    unreadable: Callable[[ResultsError], object],
    warn: Callable[[str], object],
) -> pd.DataFrame:
    """Return the table `datapoints` of some of a part's records, given by their numbers, in that order.

    Args:
        part: the records.
        order: their numbers.
        folders: of their cells, by number.
        unreadable: is told of each file that is not the one that its record tells of.
        warn: is told, in one sentence each, of files that are gone.
    """
    cells = part.cells.take(order)
    known: list[np.ndarray] = []
    owners: list[int] = []
    for owner, (number, text) in enumerate(zip(order.tolist(), cells[TOLD].to_pylist(), strict=True)):
        path, told = folders[number] / DATAPOINTS, told_in(text)
        if told is None:
            continue
        if not os.path.lexists(path):
            # Somebody may have removed it to save room.
            warn(f"left out: {path} is missing; {REMEDY}")
            continue
        try:
            known.append(load_datapoints(path, told))
            owners.append(owner)
        except ResultsError as error:
            unreadable(ResultsError(f"{error}: {REMEDY}"))
    counts = [len(rows) for rows in known]
    of_each = np.repeat(np.array(owners, int), counts)
    values = {one.name: taken(cells, one, of_each) for one in columns.IDENTITY}
    values[columns.PLACE] = pd.Series(np.concatenate([np.arange(0), *map(np.arange, counts)]))
    rows = np.concatenate([np.empty(0, _TYPE), *known])
    return pd.DataFrame(values | {name: pd.Series(rows[name]) for name in _TYPE.names or ()}, copy=False)


def _rows(data: bytes) -> np.ndarray:
    """Return the rows in a file; what its head says of their number has to be so before there is memory for them.

    Raises:
        ValueError: it holds something else.
    """
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != _VERSION:
        raise ValueError("another format")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    rest = memoryview(data)[stream.tell() :]
    if dtype != _TYPE or is_fortran or len(shape) != 1 or shape[0] * dtype.itemsize != len(rest):
        raise ValueError("other columns, or another number of rows")
    return np.frombuffer(rest, _TYPE)
