"""What must be so of a results folder, whatever has become of the processes that wrote it."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bench.escaping import as_csv
from bench.results.store import RECORD, Store, ignored
from bench.results.validate import checked
from tests.timed import TIMED

_TIMES: Final = {
    "gradients": ("run",),
    "training": ("seconds",),
    "final": ("seconds", "seconds_per_step", "started", "run"),
}
"""Columns that are the clock's, by table."""
_STRAY: Final = re.compile(r"checkpoint\.pt|begun\.json|traceback\.txt|\.?\.writable-.*|.*\.tmp|.*\.corrupt-\d+")
"""Names of files that are never left where all is done."""
_OF_COMPANIONS: Final = ("seeds_together", "notes")
"""Columns that say which seeds were trained in one step, which a kill may change."""


def records(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every record that is there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(f"*/*/{RECORD}")}


def files(folder: Path) -> set[str]:
    """Return all files but the notes about runs, of which each run adds one."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return {name for name in found if not (name.startswith("runs/") and name.endswith(".json"))}


def leftovers(folder: Path, wanted: Set[str]) -> list[str]:
    """Return the files that are not among the wanted ones, or that no finished run leaves."""
    return sorted(name for name in files(folder) if name not in wanted or _STRAY.fullmatch(Path(name).name))


def damaged(folder: Path) -> Iterator[str]:
    """Give what a reader meets that is not whole, or not done: records, notes, tensors, tables, figures."""
    if not folder.exists():
        return
    store = Store(folder)
    yield from (one.why for one in checked(store) if one.why)
    for record in store.records(unreadable=ignored):
        if record.status != "done":
            yield f"{record.cell.folder} is recorded as {record.status}: {record.reason}"
    for table in folder.glob("tables/*.parquet"):
        try:
            pd.read_parquet(table)
        except Exception as error:
            yield f"{table} cannot be read: {error}"
    for figure in folder.glob("figures/*.*"):
        end = {".pdf": b"%%EOF", ".svg": b"</svg>"}.get(figure.suffix, b"")
        if not figure.name.startswith(".") and not figure.read_bytes().rstrip().endswith(end):
            yield f"{figure} is cut short"


def lost(before: Mapping[str, bytes], folder: Path, may_be_replaced: bool) -> Iterator[str]:
    """Give the records that were there and are no longer, or are other ones."""
    now = records(folder)
    for name, content in before.items():
        if name not in now:
            yield f"{name} is gone"
        elif now[name] != content and not may_be_replaced:
            yield f"{name} is another record"


def differing(reference: Path, folder: Path, rounding: float, left_out: Sequence[str] = TIMED) -> list[str]:
    """Return in what the tables of a folder differ from those of a reference, times left out.

    Args:
        reference: a results folder.
        folder: another.
        rounding: the share of the largest number of a column and metric by which two numbers may differ.
        left_out: metrics that are not compared.
    """
    found: list[str] = []
    for name, times in _TIMES.items():
        one, other = (_table(where, name, times, left_out) for where in (reference, folder))
        if rounding:
            one, other = (frame.drop(columns=[*_OF_COMPANIONS], errors="ignore") for frame in (one, other))
        if one.shape != other.shape or list(one.columns) != list(other.columns):
            found.append(f"{name} has {other.shape} rows and columns in place of {one.shape}")
            continue
        found += [
            f"{name}.{column}: {left} has become {right}"
            for column in one.columns
            for left, right in _unequal(one, other, column, rounding)[:1]
        ]
        csv = folder / "tables" / f"{name}.csv"
        if csv.read_text() != as_csv(pd.read_parquet(csv.with_suffix(".parquet"))):
            found.append(f"{csv} is not {name}.parquet")
    return found


def _table(folder: Path, name: str, times: tuple[str, ...], left_out: Sequence[str]) -> pd.DataFrame:
    frame = pd.read_parquet(folder / "tables" / f"{name}.parquet").drop(columns=[*times], errors="ignore")
    return frame.loc[~frame["metric"].isin(left_out)].reset_index(drop=True) if "metric" in frame else frame


def _unequal(one: pd.DataFrame, other: pd.DataFrame, column: str, rounding: float) -> list[tuple[object, object]]:
    left, right = one[column], other[column]
    same = (left == right).fillna(False).to_numpy(bool) | (left.isna() & right.isna()).to_numpy(bool)
    if rounding and pd.api.types.is_float_dtype(left):
        a, b = left.to_numpy(float, na_value=np.nan), right.to_numpy(float, na_value=np.nan)
        sizes = pd.Series(np.where(np.isfinite(a), np.abs(a), 0.0))
        by = one["metric"] if "metric" in one else pd.Series("", index=one.index)
        with np.errstate(invalid="ignore"):
            same |= np.abs(a - b) <= rounding * sizes.groupby(by.to_numpy()).transform("max").to_numpy()
    return [(left[index], right[index]) for index in np.flatnonzero(~same)]
