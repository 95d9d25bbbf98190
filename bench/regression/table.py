"""The file of kept moments, `results/reference/moments.csv`."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from bench.errors import ResultsError
from bench.names.commands import with_kept_moments
from bench.regression.moments import Moment
from bench.results.atomic import replacing

FILE: Final = "moments.csv"
_TYPES: Final[dict[str, type]] = {"str": str, "int": int, "float": float}


def read_table(folder: Path) -> list[Moment]:
    """Return the kept moments.

    Raises:
        ResultsError: the file is not there, or is not such a table.
    """
    path = folder / FILE
    remedy = f"`{with_kept_moments('bench reference --write', folder)}` makes it"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_parse(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise ResultsError(f"cannot read {path} ({error.strerror}): {remedy}") from error
    except (KeyError, ValueError, TypeError) as error:
        raise ResultsError(f"{path} is not a table of moments ({error}): {remedy}") from error


def write_table(folder: Path, moments: Sequence[Moment]) -> Path:
    """Write the kept moments, sorted, and return where."""
    path = folder / FILE
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(Moment)], lineterminator="\n")
    writer.writeheader()
    for moment in sorted(moments, key=lambda moment: (moment.task, moment.estimator, moment.group)):
        writer.writerow({name: _text(value) for name, value in asdict(moment).items()})
    with replacing(path) as file:
        file.write(buffer.getvalue().encode())
    return path


def _text(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value


def _parse(row: dict[str, str]) -> Moment:
    return Moment(
        **{
            field.name: _TYPES[str(getattr(field.type, "__name__", field.type))](row[field.name])
            for field in fields(Moment)
        }
    )
