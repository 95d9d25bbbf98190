"""Every recipe: its plan fits, its tables and its figure can be made, and say what they must."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from bench.errors import UsageError
from bench.figures.page import Page
from bench.reproduce import RECIPES, find, lecture_minibatches, resolve
from bench.reproduce.run import plan_of
from bench.results.render import render
from tests.bench.reproduce.invented import invented

NAMES = list(RECIPES)


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_fits_and_quick_is_less(name: str) -> None:
    recipe = find(name)
    full, quick = plan_of(recipe.full, "cpu"), plan_of(recipe.quick, "cpu")
    assert not full.refused
    assert not quick.refused

    def work(plan: object) -> float:
        return sum(  # pyright: ignore[reportUnknownVariableType]
            (cell.training.steps + (cell.measurement.replicates or 0)) * cell.samples
            for cell in plan.cells  # pyright: ignore[reportAttributeAccessIssue]
        )

    assert 0 < work(quick) < work(full) / 2
    assert recipe.shortened


@pytest.mark.parametrize("name", NAMES)
def test_tables_and_figure_are_made_of_the_records(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lecture_minibatches, "_BATCHES", 1000)
    recipe = find(name)
    ran = invented(recipe, tmp_path)
    shown = recipe.rows(ran)
    assert set(ran.results.final["configuration"]) == set(shown["configuration"].dropna())
    for block in recipe.tables(shown):
        assert block.lines
        assert all(len(line) == len(block.headers) for line in block.lines)
        assert not any("nan" in str(word) for line in block.lines for word in line)
        assert render(block.title, block.headers, block.lines, "latex").endswith(r"\end{tabular}}")
    page = Page()
    with page.settings():
        figure = recipe.draw(shown, page)
        figure.draw_without_rendering()
    assert figure.get_figwidth() == page.width
    assert all(axes.has_data() for axes in figure.axes)
    plt.close("all")


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no recipe 'relax-toys'; did you mean 'relax-toy'"):
        resolve("relax-toys")
    with pytest.raises(UsageError, match="`bench reproduce --list` names them"):
        resolve("quite something else")
