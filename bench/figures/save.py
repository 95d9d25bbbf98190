"""Figures as files that say what they show: provenance in the metadata, the rows beside them."""

import hashlib
import io
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from bench.escaping import as_csv, line
from bench.figures.output import writing
from bench.figures.page import Format, Page
from bench.results.frames import records, where
from bench.results.tables import Results

_MOST_LISTED: Final = 50
# A hundredth of a point is finer than any printer; a path on one line keeps the file short.
_PATH: Final = re.compile(rb' d="[^"]*"')
_DECIMALS: Final = re.compile(rb"(\.\d\d)\d+")


def save(figure: Figure, file: Path, form: Format, page: Page, provenance: dict[str, Any]) -> None:
    """Write a figure, at the size that it has, with its provenance as JSON in the metadata.

    PDF has it in `Subject`, SVG and PNG in `Description`. The same figure gives the same bytes.

    Raises:
        ResultsError: the file cannot be written.
    """
    title = line(f"{provenance['figure']}: {', '.join(provenance['tasks'])}")
    note = json.dumps(provenance, ensure_ascii=False, sort_keys=True)
    metadata = {
        "pdf": {"Title": title, "Subject": note, "Creator": f"varbench {provenance['varbench']}", "CreationDate": None},
        "svg": {"Title": title, "Description": note, "Creator": f"varbench {provenance['varbench']}", "Date": None},
        "png": {"Title": title, "Description": note, "Software": f"varbench {provenance['varbench']}"},
    }
    drawn = io.BytesIO()
    with page.settings():
        figure.savefig(drawn, format=form, metadata=metadata[form])
    content = drawn.getvalue()
    if form == "svg":
        content = _PATH.sub(lambda path: _DECIMALS.sub(rb"\1", path[0]).replace(b" \n", b" "), content)
    with writing(file) as opened:
        opened.write(content)


def save_rows(rows: pd.DataFrame, file: Path) -> None:
    """Write the rows of a figure as CSV.

    Raises:
        ResultsError: the file cannot be written.
    """
    with writing(file) as opened:
        opened.write(as_csv(rows).encode())


def provenance(kind: str, results: Results | None, shown: pd.DataFrame, page: Page) -> dict[str, Any]:
    """Return what a figure was made of: cells, runs with their versions, and a digest of the rows."""
    told: dict[str, Any] = {
        "figure": kind,
        "style": f"{page.style}, {page.columns} of 2 columns",
        "tasks": sorted(set(shown["task"].astype(str))),
        "rows": len(shown),
        "rows_sha256": hashlib.sha256(shown.to_csv(index=False).encode()).hexdigest(),
        "varbench": version("varbench"),
    }
    if results is None:
        return told
    final = results.final
    if "configuration" in shown:
        final = where(final, final["configuration"].isin(shown["configuration"]))
    cells = sorted(final["cell"])
    runs = where(results.runs, results.runs["run"].isin(final["run"]))
    return {
        **told,
        "cells": cells if len(cells) <= _MOST_LISTED else len(cells),
        "cells_sha256": hashlib.sha256("\n".join(cells).encode()).hexdigest(),
        "runs": [
            {
                "run": run.run,
                "varbench": run.varbench,
                "torch": run.torch,
                "commit": _text(run.git_commit),
                "cpu": run.cpu,
            }
            for run in records(runs)
        ],
    }


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
