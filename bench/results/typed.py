"""Columns of values with the documented types, as pandas and as Arrow has them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.errors import in_utf8
from bench.fields import Column
from bench.names.spec import Value, written
from bench.results.columns import PREFIXES
from bench.settings import Cell

_ARROW: Final[dict[str, pa.DataType]] = {
    "string": pa.large_string(),
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
}


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return a frame of these columns, with the documented types even when it is empty."""
    return pd.DataFrame({one.name: _series([row[one.name] for row in rows], one.dtype) for one in columns})


def arrow(values: Iterable[Any], dtype: str) -> pa.Array:
    """Return a column of Arrow's that `from_arrow` makes one of pandas of; texts are numbered, each kept once."""
    if dtype == "float64":
        # None is NaN, as it is in pandas.
        return pa.array(np.array(list(values), dtype=float))
    if dtype != "string":
        return pa.array(values, _ARROW[dtype])
    texts = list(values)
    try:
        return pa.array(texts, pa.large_string()).dictionary_encode()
    except UnicodeEncodeError:
        return pa.array(map(_spelled, texts), pa.large_string()).dictionary_encode()


def from_arrow(column: pa.ChunkedArray | pa.Array, dtype: str) -> pd.Series:
    """Return a column of pandas."""
    if dtype in ("int64", "float64"):
        return pd.Series(column.to_numpy(zero_copy_only=False), copy=False)
    kind: Any = pd.api.types.pandas_dtype(dtype)
    return pd.Series(kind.__from_arrow__(column.cast(_ARROW[dtype])), copy=False)


def _series(values: list[Any], dtype: str) -> pd.Series:
    try:
        return pd.Series(values, dtype=dtype)
    except UnicodeEncodeError:
        return pd.Series([_spelled(value) for value in values], dtype=dtype)


def _spelled(value: Any) -> Any:
    """Return a value with its stray bytes spelled out, as the name of a file may have them: no column takes those."""
    return in_utf8(value) if isinstance(value, str) else value


def parameters_text(parameters: Mapping[str, Value]) -> str:
    """Return `name=value, ...` in the order of the names."""
    return ", ".join(f"{key}={written(parameters[key])}" for key in sorted(parameters))


def identity_values(cell: Cell) -> dict[str, Any]:
    """Return what is in the columns `IDENTITY`."""
    return {
        **vars(cell),
        "cell": cell.id,
        "configuration": cell.configuration,
        "task_parameters": parameters_text(cell.task_parameters),
        "estimator_parameters": parameters_text(cell.estimator_parameters),
    }


def settings_values(cell: Cell) -> dict[str, Any]:
    """Return what is in the columns `SETTINGS`."""
    return {
        f"{PREFIXES[type(settings)]}{name}": value
        for settings in (cell.training, cell.measurement)
        for name, value in vars(settings).items()
    }
