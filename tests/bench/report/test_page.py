"""What a report says is what the tables and the figures say, and how its cells ended."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import escaping
from bench.cli import main
from bench.errors import ResultsError
from bench.figures import rows
from bench.report.overview import overview
from bench.report.page import page, write_report
from bench.report.tables import order_of
from bench.results.checks import CheckedLine, Checks, read
from bench.results.frames import where
from bench.results.leftovers import CHECKS
from bench.results.store import Store
from bench.results.summary import GRADIENT_METRICS, final_blocks, gradient_blocks, usual_groups
from bench.results.tables import Results, load, tidy
from bench.results.wanted import Wanted
from tests.bench.results.samples import RUN, cell, gradient, record

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
CHECK = Checks(
    [
        CheckedLine("reparam", "gaussian-quadratic", "pass", [1, 4], 0.0123, "as it should be"),
        CheckedLine("reinforce(x=1)", "leaks", "violated", [1], None, "φ in θ"),
        CheckedLine("dreg", "ppca", "pass", [4], 0.01, "of no interest here"),
    ],
    "2026-01-01T00:00:00+00:00",
    "0.1.0",
    ["bench", "check"],
)


def text_of(html: str) -> str:
    """Return what a page says, without its scripts and its style."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s*<[^>]*>\s*", "\n", body))


def figure(html: str, kind: str) -> tuple[pd.DataFrame, dict]:
    """Return the rows of the first figure of a kind, and all that it is."""
    found = re.search(rf'id="task-\d+-{kind}".*?<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    content = json.loads(found[1])
    return pd.DataFrame(content["rows"], columns=content["columns"]), content


@pytest.fixture(scope="module")
def html(grid: Results) -> str:
    return page(grid, [CHECK], NOW)


def test_the_tables_are_those_of_bench_table(grid: Results, html: str) -> None:
    said = set(text_of(html).split("\n"))
    blocks = [*gradient_blocks(grid, GRADIENT_METRICS, usual_groups(grid)), *final_blocks(grid)]
    words = {word for block in blocks for line in block.lines for word in line}
    assert len(words) > 50
    assert words <= said
    assert {block.title for block in blocks} <= said


def test_the_best_are_those_that_a_comparison_has_in_bold(grid: Results, html: str) -> None:
    wanted = Wanted(metrics=("variance", "snr", "cosine", "seconds"), groups=("guide", "model"), across="task")
    compared = wanted.compared(grid)
    best = where(compared, compared["best"])
    # A cost is of the whole gradient, and stands in the table of each parameter group. Articles leave out the cosine.
    in_tables = sum(2 if group == "all" else 1 for group in best["group"])
    in_articles = in_tables - sum(metric == "cosine" for metric in best["metric"])
    assert in_tables > 0
    assert html.count('<span class="unseen"> significantly best</span>') == in_tables + in_articles


@pytest.mark.parametrize("kind", ["variance", "scaling", "frontier", "elbo", "final"])
def test_figures_show_the_rows_of_bench_plot(grid: Results, html: str, kind: str) -> None:
    shown, _ = figure(html, "training" if kind == "variance" else kind)
    # A cell that diverged has a mark and no values, and one of them no cost.
    expected = rows(kind, grid).dropna(subset=["seconds" if kind == "frontier" else "value"])
    if kind == "variance":
        shown = where(shown, shown["metric"] == "variance")
    if kind == "scaling":
        # What is not told apart from zero stands at the end of its interval.
        expected = where(expected, expected["seen"])
        shown = where(shown, shown["joined"].astype(bool))
    drawn = where(shown, shown["part"].isin(["mean", "seed"]))
    if kind == "frontier":
        drawn = where(drawn, drawn["seconds"].notna())
    assert len(drawn) == len(expected) > 5
    both = zip(sorted(drawn["value"]), sorted(expected["value"]), strict=True)
    assert all(np.isclose(*pair, rtol=1e-5) for pair in both)
    means = where(drawn, drawn["part"] == "mean")
    lows = expected["ci_low"] if "seed" not in expected else where(expected, expected["seed"].isna())["ci_low"]
    assert np.allclose(sorted(means["low"].dropna()), sorted(lows.dropna()), rtol=1e-5)


def test_the_overview_counts_cells_and_says_why_some_have_no_result(grid: Results, html: str) -> None:
    said = text_of(html)
    counts = {"done": 18, "diverged": 1, "limited": 0, "failed": 1}
    found = overview(grid, {("ppca", ""): "task-1"})
    assert {one.status: one.cells for one in found.counts} == counts
    assert found.unfinished is not None
    assert [[entry.text for entry in line] for line in found.unfinished.lines] == [
        ["ppca", "reparam", "2", "0", "failed", "no space left"],
        ["ppca", "reparam", "2", "1", "diverged", "a NaN at step 40"],
    ]
    assert "no space left" in said
    assert "reported 2026-01-02 03:04 UTC" in said


def test_how_to_get_the_same(html: str) -> None:
    said = text_of(html)
    assert "pip install varbench==0.1.0 torch==2.13.0 numpy==2.4.6" in said
    assert "bench run --task vae-mnist --estimator 'rebar(temperature=0.3)'" in said


def test_cells_of_other_software_or_machines_are_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_run(RUN)
    store.write_run(replace(RUN, run="20260102T000000Z-abcdef", torch="2.14.0", gpu="a GPU"))
    store.write(record(cell()))
    same = overview(load(tmp_path), {("vae-mnist", "hidden=200"): ""})
    assert list(same.apart) == []
    store.write(record(cell(seed=1), run="20260102T000000Z-abcdef"))
    apart = overview(load(tmp_path), {("vae-mnist", "hidden=200"): ""}).apart
    assert [one.partition(": ")[2] for one in apart] == [
        "cells differ in PyTorch: 2.13.0 (1 cell), 2.14.0 (1 cell)",
        "cells differ in GPU: not on record (1 cell), a GPU (1 cell)",
    ]


def test_an_estimator_has_what_bench_info_says_and_the_verdicts_that_are_kept(
    html: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = text_of(html)
    with pytest.raises(SystemExit):
        main(["info", "reinforce-loo", "--format", "json"])
    known = json.loads(capsys.readouterr().out)
    assert {known["gradient"], known["paper"], known["latents"], known["example"]} <= set(said.split("\n"))
    assert "violated" in said
    assert "φ in θ" in said
    assert "of no interest here" not in said
    assert "3 checks of 2026-01-01 00:00 UTC, varbench 0.1.0" in said


def test_nothing_is_imported_of_what_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    strange = record(cell(estimator="theirs:Mine", estimator_parameters={}), gradients=[gradient("variance", 1.0)])
    said = text_of(page(tidy([strange], [RUN])))
    assert "theirs:Mine" in said
    assert "a report never imports other people's code" in said


def test_verdicts_are_read_and_what_is_none_is_told(grid: Results, tmp_path: Path) -> None:
    assert read(tmp_path) is None
    line = {**vars(CHECK.lines[0]), "replicates": 1, "seconds": 1.0, "waited": False}
    (tmp_path / CHECKS).write_text(escaping.as_json({**vars(CHECK), "lines": [line], "seed": 0}), encoding="utf-8")
    assert read(tmp_path) == replace(CHECK, lines=CHECK.lines[:1])
    for broken in ("{", "[]", '{"lines": 3}', '{"lines": [{"estimator": 1}]}'):
        (tmp_path / CHECKS).write_text(broken, encoding="utf-8")
        with pytest.raises(ResultsError, match="is not a readable file of verdicts"):
            read(tmp_path)
    told: list[str] = []
    write_report(grid, tmp_path / "report.html", [tmp_path], told.append)
    assert [one.partition("/")[0] for one in told] == ["left out: "]


def test_results_without_cells_are_refused() -> None:
    with pytest.raises(ResultsError, match="no finished cells"):
        page(tidy([]))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("−1.5e−3 [−2e−3, 0]", -0.0015),
        ("237 ±1.3%", 237.0),
        ("inf", 1e308),
        ("3 done", 3.0),
        ("reparam", None),
        ("0.1.0", None),
        ("2026-01-01", None),
        ("–", None),
    ],
)
def test_words_are_sorted_by_the_number_that_they_begin_with(text: str, order: float | None) -> None:
    assert order_of(text) == order


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "\u2028\u2029", "\x1b[31m", "a & b", "\ud800"])
def test_json_in_a_script_says_what_it_was_given_and_ends_nothing(text: str) -> None:
    written = escaping.as_script({text: [text]})
    assert not re.search("[<>&\u2028\u2029\x1b\ud800]", written)
    assert json.loads(written) == {text: [text]}
