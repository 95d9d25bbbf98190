"""docs/python.md and docs/python.ipynb are run: every block and every cell, in order, and what they show is shown.

No kernel is needed for that: a cell is compiled like any other code, and the value of a last expression shows itself.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

DOCS = Path(__file__).resolve().parents[1] / "docs"


def blocks() -> list[str]:
    """Return the Python of the page."""
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def cells() -> list[str]:
    """Return the code of the notebook."""
    notebook = json.loads((DOCS / "python.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def executed(sources: list[str]) -> Iterator[Any]:
    """Run sources in one namespace, and give the value of each one's last expression; None without one."""
    namespace: dict[str, Any] = {}
    for source in sources:
        tree = ast.parse(source)
        end = tree.body[-1]
        last = end.value if isinstance(end, ast.Expr) else None
        tree.body = tree.body if last is None else tree.body[:-1]
        exec(compile(tree, "<cell>", "exec"), namespace)
        yield eval(compile(ast.Expression(last), "<cell>", "eval"), namespace) if last is not None else None


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("sources", "file"), [(blocks(), "variance.pdf"), (cells(), "scaling.pdf")], ids=["page", "notebook"]
)
def test_it_runs_and_shows_tables_and_figures(
    sources: list[str],
    file: str,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(cache))
    torch.manual_seed(0)
    shown = list(executed(sources))
    assert len(shown) == len(sources) >= 4
    for value in shown:
        assert isinstance(value, Figure) or "<table" in value._repr_html_(), value
    assert shown[-1]._repr_png_().startswith(b"\x89PNG")
    assert capfd.readouterr().out == ""
    assert Path(file).stat().st_size


def test_a_loss_goes_from_nothing_to_a_table_in_under_ten_lines() -> None:
    for sources in (blocks(), cells()):
        assert len([line for line in sources[0].splitlines() if line.strip()]) < 10
