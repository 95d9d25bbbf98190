"""What functions are given: results or a folder of them, one name or several."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.results.tables import Results, load


def results_of(given: Results | Path | str) -> Results:
    """Return results, read from their folder if that is what was given.

    Raises:
        UsageError: it is neither.
        ResultsError: the folder cannot be read.
    """
    if isinstance(given, Results):
        return given
    if isinstance(given, Path | str):
        return load(given)
    raise UsageError(
        f"results must be what varbench.run or varbench.load returned, or a folder, not {type(given).__name__}"
    )


def words(given: str | Sequence[str] | None) -> list[str]:
    """Return names; a single one may be given without a list."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)
