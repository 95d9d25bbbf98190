"""The file of kept moments, `results/reference/moments.csv`."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, get_type_hints

from bench.decoding import Decoder
from bench.errors import ResultsError
from bench.names.commands import with_kept_moments
from bench.regression.moments import Moment
from bench.results.atomic import replacing

FILE: Final = "moments.csv"
_DECODER: Final[Decoder[Moment]] = Decoder(Moment)


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
    except (ValueError, TypeError, csv.Error) as error:
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
    types = get_type_hints(Moment)
    # What is missing or too much is the decoder's to find.
    moment = _DECODER.convert({name: types.get(name, str)(text) for name, text in row.items()})
    for name in ("variance", "mean_1", "mean_1_se", "mean_2", "mean_2_se"):
        if not math.isfinite(getattr(moment, name)):
            raise ValueError(f"{name} is {getattr(moment, name)}")
    return moment
