"""`varbench.table` and `varbench.plot` show what the commands show; results show themselves, and obey nothing."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

import varbench
from bench.cli import main
from bench.errors import ResultsError, UsageError
from bench.results.schema import GradientRow, Record
from bench.results.tables import tidy
from tests.bench.results.samples import cell


def record(estimator: str, seed: int, value: float, task: str = "vae-mnist") -> Record:
    rows = [
        GradientRow(100, group, "variance", value, value / 10, 0.8 * value, 1.2 * value, 200, "", "elbo")
        for group in ("guide", "model", "all")
    ]
    return Record(cell(task=task, estimator=estimator, seed=seed), "run", "done", None, "2026", 1.0, rows)


RECORDS = [
    record(name, seed, value + seed) for name, value in (("reinforce", 5.0), ("reparam", 2.0)) for seed in (0, 1)
]
RESULTS = tidy(RECORDS)


@pytest.fixture
def stored(folder: Path) -> Path:
    from bench.results.store import Store

    for one in RECORDS:
        Store(folder / "R").write(one)
    return folder / "R"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"metrics": "variance", "groups": ["model"]}, ["--metric", "variance", "--group", "model"]),
        ({"by": "estimator"}, ["--by", "estimator"]),
    ],
)
def test_a_table_has_the_lines_of_the_command(
    options: dict[str, Any], words: list[str], stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "table", str(stored), "--format", "markdown", *words).replace("**", "")
    shown = varbench.table(stored, **options)
    lines = [" | ".join(word for word in row if word) for row in shown.drop(columns="table").to_numpy()]
    assert len(lines) >= 2
    for line in lines:
        assert line.removesuffix(" *") in text
    assert all(title in text for title in set(shown["table"]))
    assert all(
        note.replace("*", "bold") in text.lower().replace("in bold", "bold") or note for note in shown.attrs["notes"]
    )


def test_tidy_rows_are_numbers() -> None:
    rows = varbench.table(RESULTS, columns=["estimator", "value"], groups="all")
    assert list(rows["value"]) == [5.0, 6.0, 2.0, 3.0]
    assert len(varbench.table(RESULTS, "final", columns="cell")) == 4


def test_what_is_wrong_with_a_table_is_a_sentence(folder: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"metrics": "varience"}, "did you mean 'variance'"),
        ({"what": "gradient"}, "did you mean 'gradients'"),
        ({"by": "estimater"}, "did you mean 'estimator'"),
        ({"what": "training", "metrics": "variance"}, "--metric and --group choose rows of the gradients"),
        ({"select_by": "elbo"}, "name a setting with --select"),
    ]
    for options, message in wrong:
        with pytest.raises(UsageError, match=message):
            varbench.table(RESULTS, **options)
    with pytest.raises(ResultsError, match="these results have no rows of training"):
        varbench.table(RESULTS, "training")
    with pytest.raises(ResultsError, match="results does not exist"):
        varbench.table()
    with pytest.raises(UsageError, match="results must be what"):
        varbench.table(RESULTS.final)  # pyright: ignore[reportArgumentType] - it is wrong


def test_a_figure_is_returned_and_kept_as_the_command_keeps_it(
    stored: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = varbench.plot("variance", varbench.load(stored), out=folder / "mine.svg", data=True)
    assert isinstance(figure, Figure)
    printed(capsys, "plot", "variance", str(stored), "--out", "its.svg", "--data")
    for ending in (".svg", ".csv"):
        assert Path(f"mine{ending}").read_bytes() == Path(f"its{ending}").read_bytes()


def test_what_is_wrong_with_a_figure_is_a_sentence() -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("varience", {}, "did you mean 'variance'"),
        ("variance", {"out": "v.bmp"}, "cannot be written as 'bmp'"),
        ("variance", {"data": True}, "name the first with out="),
        ("variance", {"tasks": "vae"}, "these results have no task 'vae'"),
        ("variance", {"groups": "encoder"}, "there is no group 'encoder'"),
        ("elbo", {"groups": "model"}, "--group chooses gradients"),
        ("training", {}, "the figure takes 2 pages"),
    ]
    for kind, options, message in wrong:
        with pytest.raises(UsageError, match=message):
            varbench.plot(kind, RESULTS, **options)
    with pytest.raises(ResultsError, match="these results have no cells"):
        varbench.plot("variance", tidy([]))


def test_results_say_what_they_are() -> None:
    assert repr(RESULTS) == "Results: 4 cells of 1 task × 2 estimators × 2 seeds, all done"
    assert repr(tidy([])) == "Results: no cells"


def test_results_show_themselves_as_tables_and_run_nothing() -> None:
    hostile = "<script>alert(1)</script>"
    markup = tidy([*RECORDS, record(hostile, 0, 3.0), record("reparam", 0, 1.0, task='"><img src=x>')])._repr_html_()
    assert markup.count("<table>") == 2 * 2
    assert "gradient of guide φ" in markup
    for tag in ("<script", "<img"):
        assert tag not in markup
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in markup


def test_a_notebook_shows_no_more_lines_than_one_reads() -> None:
    many = tidy([record(f"their-{number}", 0, 1.0) for number in range(60)])
    assert many._repr_html_().count("<tr>") == 100 + 2
    assert "and 20 more lines: varbench.table(results)" in many._repr_html_()
