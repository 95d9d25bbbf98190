"""Write the tables of `results/README.md` from the code: `python -m tests.bench.results.readme`."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.fields import Column
from bench.results.checks import KEYS, LINE
from bench.results.columns import DATAPOINTS, FINAL, GRADIENTS, IDENTITY, RUNS, SETTINGS, TRAINING
from bench.results.metrics import METRICS
from bench.results.values import VALUES

PAGE: Final = Path(__file__).resolve().parents[3] / "results" / "README.md"

_OWN: Final = len(IDENTITY)


def made(text: str) -> str:
    """Return the page with each table below a line `<!-- made: NAME -->` as the code has it now."""
    tables = {
        "cell": _columns(IDENTITY),
        "gradients": _columns(GRADIENTS[_OWN:]),
        "metrics": _table(
            ("metric", "unit", "meaning"), ((f"`{m.name}`", m.unit, m.meaning) for m in METRICS.values())
        ),
        "training": _columns(TRAINING[_OWN:]),
        "final": _columns(FINAL[_OWN:]),
        "runs": _columns(RUNS),
        "datapoints": _columns(DATAPOINTS[_OWN:]),
        "values": _columns(column for column in VALUES[_OWN:] if column not in SETTINGS),
        "check": _table(("key", "holds"), ((f"`{key}`", holds) for key, holds in KEYS.items())),
        "check-lines": _table(("key", "holds"), ((f"`{key}`", holds) for key, holds in LINE.items())),
    }
    for name, table in tables.items():
        place = re.compile(rf"(<!-- made: {name} -->\n)(?:\|.*\n)*")
        if not place.search(text):
            raise ValueError(f"there is no line `<!-- made: {name} -->`")
        text = place.sub(lambda found, table=table: found[1] + table, text)
    return text


def _columns(columns: Iterable[Column]) -> str:
    return _table(("column", "type", "unit", "meaning"), ((f"`{name}`", *rest) for name, *rest in columns))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([word.replace("|", "\\|") for word in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text()))
