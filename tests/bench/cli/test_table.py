import io
import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.errors import BenchError, ResultsError, UsageError
from bench.results.columns import TABLES
from bench.results.datapoints import save_datapoints
from bench.results.store import Store
from bench.results.tables import load
from tests.bench.results.samples import RUN, cell, gradient, limited, points, record


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results")
    store.write(record(datapoints=save_datapoints(store.datapoints_path(cell()), points(-1.0, -2.0))))
    other = cell(estimator="reinforce", estimator_parameters={})
    store.write(record(other, gradients=[gradient("variance", 40.0), gradient("snr", 0.5)]))
    store.write_run(RUN)
    return store


def _table(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["table", *map(str, arguments)], catch_exceptions=False)


def test_the_usual_table_compares_estimators(store: Store) -> None:
    result = _table(store.folder)
    lines = [re.split(r"\s{2,}", line) for line in result.stdout.splitlines()]
    assert lines[0] == ["gradient of guide φ · vae-mnist · target elbo · step 100 · 1 seed"]
    headers = ["estimator", "K", "relative bias", "verdict", "seen from", "variance (nats²/param²)", "SNR"]
    assert lines[1][:7] == headers
    assert lines[2] == ["reinforce", "1", "–", "–", "–", "40.0 [36.0, 44.0]", "0.500 [0.450, 0.550]", "–", "–", "–"]
    assert lines[3][:6] == ["rebar(learned=True, temperature=0.3)", "1", "–", "–", "–", "2.00 [1.80, 2.20]"]
    assert lines[5] == ["gradient of model θ · vae-mnist · target elbo · step 100 · 1 seed"]
    assert result.stdout.count("brackets are 95% intervals") == 1
    assert "next: `bench table" in result.stderr


@pytest.mark.parametrize("what", list(TABLES))
def test_csv_is_the_tidy_table(store: Store, what: str) -> None:
    result = _table(store.folder, "--what", what, "--format", "csv")
    frame = pd.read_csv(io.StringIO(result.stdout))
    assert list(frame.columns) == [column.name for column in TABLES[what]]
    assert len(frame) == {"gradients": 6, "training": 2, "final": 2, "runs": 1, "datapoints": 2}[what]


@pytest.mark.parametrize("what", list(TABLES))
@pytest.mark.parametrize(("form", "mark"), [("text", ""), ("markdown", "| --- |"), ("latex", r"\toprule")])
def test_every_table_has_every_form(store: Store, what: str, form: str, mark: str) -> None:
    result = _table(store.folder, "--what", what, "--format", form)
    assert mark in result.stdout
    assert len(result.stdout.splitlines()) > 1


def test_rows_and_columns_are_chosen(store: Store) -> None:
    arguments = ("--metric", "variance", "--group", "guide", "--columns", "estimator,step, value")
    result = _table(store.folder, *arguments, "--format", "csv")
    assert result.stdout.splitlines() == ["estimator,step,value", "reinforce,100,40.0", "rebar,0,1.0", "rebar,100,2.0"]
    result = _table(store.folder, *arguments)
    assert [line.split() for line in result.stdout.splitlines()][:2] == [
        ["estimator", "step", "value"],
        ["reinforce", "100", "40.0"],
    ]


def test_a_comparison_is_pivoted(store: Store) -> None:
    text = _table(store.folder, "--across", "task", "--group", "guide").stdout
    assert "vae-mnist" in text.splitlines()[1]
    assert text.splitlines()[2].split() == ["reinforce", "–", "40.0", "±", "2.0"]
    assert text.splitlines()[3].split() == ["rebar", "1", "2.00", "±", "0.10", "*"]
    chosen = ("--what", "final", "--across", "metric", "--metric", "test_elbo")
    latex = _table(store.folder, *chosen, "--format", "latex")
    assert "S[table-format=-3.0]" in latex.stdout
    rows = pd.read_csv(
        io.StringIO(_table(store.folder, "--by", "estimator", "--group", "guide", "--format", "csv").stdout)
    )
    assert rows[["estimator", "value", "best"]].to_numpy().tolist() == [
        ["reinforce", 40.0, False],
        ["rebar", 2.0, True],
    ]


def test_a_copied_folder_adds_no_seeds(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store.folder, copy)
    assert _table(store.folder, copy).stdout == _table(store.folder).stdout
    Store(copy).write(record(gradients=[gradient("variance", 7.0)]))
    assert "the same cell has other numbers in " in _table(store.folder, copy).stderr


def test_json_has_the_rows_unrounded(store: Store) -> None:
    rows = json.loads(_table(store.folder, "--format", "json").stdout)
    frame = load(store.folder).gradients
    assert [list(row) for row in rows] == [list(frame.columns)] * len(frame)
    assert [row["value"] for row in rows] == frame["value"].tolist()
    assert rows[0]["square"] is None
    compared = json.loads(_table(store.folder, "--across", "task", "--group", "guide", "--format", "json").stdout)
    assert [(row["name"], row["value"], row["best"]) for row in compared] == [
        ("reinforce", 40.0, False),
        ("rebar", 2.0, True),
    ]


def test_what_is_not_finite_is_null_in_json(store: Store) -> None:
    lost = [gradient("variance", value) for value in (math.nan, math.inf)]
    store.write(record(cell(seed=7), gradients=lost))
    text = _table(store.folder, "--format", "json").stdout
    assert "NaN" not in text
    assert "Infinity" not in text
    assert [row["value"] for row in json.loads(text) if row["seed"] == 7] == [None, None]


@pytest.mark.parametrize("arguments", [[], ["--what", "final"], ["--across", "task"], ["--across", "metric"]])
def test_a_caption_says_seeds_intervals_k_and_target(store: Store, arguments: list[str]) -> None:
    latex = (
        _table(store.folder, *arguments, "--group", "guide", "--format", "latex", "--caption")
        if ("final" not in arguments)
        else _table(store.folder, *arguments, "--format", "latex", "--caption")
    )
    [caption, *_] = re.findall(r"\\caption\{(.*)\}\n", latex.stdout)
    assert "seed" in caption
    assert "interval" in caption or "standard error" in caption
    assert "final" in arguments or "target elbo" in caption
    assert "K" in caption or "estimator & K" in latex.stdout
    assert latex.stdout.count(r"\begin{table}") == latex.stdout.count(r"\end{table}") >= 1
    markdown = _table(store.folder, *arguments, "--format", "markdown", "--caption").stdout
    assert "**" not in markdown.splitlines()[0]


def test_only_what_is_for_a_paper_has_a_caption(store: Store) -> None:
    for arguments in ([], ["--format", "csv"], ["--format", "latex", "--what", "training"]):
        with pytest.raises(UsageError, match="--caption is for"):
            _table(store.folder, *arguments, "--caption")


@pytest.mark.parametrize("what", list(TABLES))
def test_no_table_is_wider_than_the_terminal(store: Store, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = _table(store.folder, "--what", what).stdout
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_missing_values_are_blank(store: Store) -> None:
    result = _table(store.folder, "--what", "runs", "--columns", "gpu,git_dirty,cpu", "--format", "markdown")
    assert result.stdout.splitlines()[-1] == "|  |  | a processor |"


def test_limited_cells_are_counted_beside_finished_ones(store: Store) -> None:
    def line() -> str:
        printed = _table(store.folder, "--what", "final", "--format", "markdown").stdout
        return next(line for line in printed.splitlines() if line.startswith("| rebar"))

    before = line()
    store.write(limited(cell(seed=5)))
    assert line() == before.replace("| 1 done |", "| 1 done, 1 limited |") != before


def test_cells_without_gradients_are_mentioned(store: Store) -> None:
    store.write(record(cell(seed=5), status="failed", reason="no", gradients=[]))
    assert "left out, without gradients: 1 of 3 cells" in _table(store.folder).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "varience"], "there is no metric 'varience'; did you mean 'variance'"),
        (["--group", "phi"], "there is no group 'phi'; there are "),
        (["--columns", "estimator,valu"], "there is no column 'valu'; did you mean 'value'"),
        (["--what", "final", "--metric", "variance"], "final has none"),
        (["--what", "final", "--metric", "test_elbo"], "add `--across metric`"),
        (["--what", "final", "--metric", "test_elbo", "--group", "guide"], "final has none"),
        (["--what", "final", "--across", "task", "--metric", "elbo"], "there is no metric 'elbo'"),
        (["--what", "runs", "--across", "task"], "--by and --across compare gradients or final values"),
        (["--by", "metric", "--across", "metric"], "two different axes"),
    ],
)
def test_what_does_not_exist_is_refused(store: Store, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _table(store.folder, *arguments)


def test_the_time_to_a_target_is_a_table_in_every_form(store: Store) -> None:
    result = _table(store.folder, "--what", "time-to", "--elbo", "-200")
    lines = [re.split(r"\s{2,}", line) for line in result.stdout.splitlines()]
    assert lines[0] == ["time to an objective of −200 nats per datapoint · vae-mnist · target elbo"]
    assert lines[1] == ["estimator", "K", "reached by", "steps", "training time (s)"]
    assert [line[1:] for line in lines[2:4]] == [["1", "1 of 1 seed", "100", "3"]] * 2
    assert "--what time-to --elbo -200 --format csv" in result.stderr
    rows = pd.read_csv(
        io.StringIO(_table(store.folder, "--what", "time-to", "--elbo", "-200", "--format", "csv").stdout)
    )
    assert rows[["estimator", "elbo", "steps", "seconds", "best"]].to_numpy().tolist() == [
        ["reinforce", -200, 100, 3.0, -180.5],
        ["rebar", -200, 100, 3.0, -180.5],
    ]
    chosen = _table(store.folder, "--what", "time-to", "--elbo", "-200", "--columns", "name,steps", "--format", "json")
    assert [list(row) for row in json.loads(chosen.stdout)] == [["name", "steps"]] * 2
    latex = _table(store.folder, "--what", "time-to", "--elbo", "-200", "--format", "latex", "--caption")
    assert r"\caption{Time to an objective of" in latex.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--what", "time-to"], "--what time-to needs the value to be reached: add --elbo"),
        (["--elbo", "-200"], "--elbo is a value to be reached, and goes with --what time-to"),
        (
            ["--what", "time-to", "--elbo", "-100"],
            r"no training reached −100: the nearest .* is −180\.5 nats",
        ),
        (["--what", "time-to", "--elbo", "-200", "--metric", "variance"], "choose rows of the gradients"),
        (["--what", "time-to", "--elbo", "-200", "--across", "task"], "--by and --across compare gradients"),
        (["--what", "time-to", "--elbo", "-200", "--columns", "step"], "no column 'step'; did you mean 'steps'"),
    ],
)
def test_a_target_that_says_nothing_is_refused(store: Store, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _table(store.folder, *arguments)


def test_a_target_is_a_finite_number(store: Store) -> None:
    assert "nan is not a finite number" in _table(store.folder, "--what", "time-to", "--elbo", "nan").stderr


def test_results_without_training_have_no_time_to_anything(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(training=[]))
    with pytest.raises(ResultsError, match=r"no cell in .* has rows of training: `bench status"):
        _table(tmp_path, "--what", "time-to", "--elbo", "-200")


def test_damage_is_an_error_unless_told_otherwise(store: Store) -> None:
    store.write(record(cell(seed=1))).write_text("{")
    with pytest.raises(ResultsError, match="not a readable record"):
        _table(store.folder)
    skipping = _table(store.folder, "--skip-unreadable")
    assert skipping.exit_code == 0
    assert re.search(r"^left out: .*seed1-\w+/record\.json is not a readable record", skipping.stderr, re.MULTILINE)


def test_a_damaged_note_of_a_run_is_an_error_only_where_a_row_needs_it(store: Store) -> None:
    store.write_run(replace(RUN, run="other")).write_bytes(b"\xff")
    for what in ("gradients", "final", "training"):
        printed = _table(store.folder, "--what", what)
        assert printed.exit_code == 0
        assert "other.json is not a readable note of a run" in printed.stderr
    with pytest.raises(ResultsError, match=r"other\.json is not a readable note of a run"):
        _table(store.folder, "--what", "runs")
    assert _table(store.folder, "--what", "runs", "--skip-unreadable").exit_code == 0


def test_no_rows_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"there are no finished cells in .*: `bench run"):
        _table(tmp_path)
    store = Store(tmp_path)
    store.write(record(status="failed", gradients=[], training=[]))
    with pytest.raises(BenchError, match=r"no cell in .* has rows of training: `bench status"):
        _table(tmp_path, "--what", "training")
    (tmp_path / "a folder").mkdir()
    with pytest.raises(ResultsError, match=r"--out '/.*/a folder'`"):
        _table(tmp_path / "a folder")


def test_the_examples_in_the_help_keep_their_lines() -> None:
    assert "\n  bench table results/vae-mnist --what training --format csv > training.csv\n" in _table("--help").stdout


def test_single_coordinates_are_shown_where_they_are_asked_for(store: Store) -> None:
    before = _table(store.folder).stdout
    for name in ("rebar", "reinforce"):
        of = next(one for one in store.records() if one.cell.estimator == name)
        new = [
            gradient(metric, value, group=f"guide.loc[{place}]")
            for place, values in enumerate([(1.0, 2.0), (3.0, 4.0)])
            for metric, value in zip(("mean", "true_gradient"), values, strict=True)
        ]
        store.write(replace(of, gradients=[*of.gradients, *new]))
    assert _table(store.folder).stdout == before
    lines = [re.split(r"\s{2,}", line) for line in _table(store.folder, "--metric", "mean").stdout.splitlines()]
    assert lines[0] == ["gradient by coordinate · vae-mnist · target elbo · step 100 · 1 seed"]
    assert [line[:2] for line in lines[2:6]] == [
        ["guide.loc[0]", "reinforce"],
        ["guide.loc[0]", "rebar(learned=True, temperature=0.3)"],
        ["guide.loc[1]", "reinforce"],
        ["guide.loc[1]", "rebar(learned=True, temperature=0.3)"],
    ]
    compared = _table(store.folder, "--metric", "true_gradient", "--by", "group", "--across", "estimator")
    rows = [line.split()[0] for line in compared.stdout.splitlines() if line]
    assert rows[2:4] == ["guide.loc[0]", "guide.loc[1]"]
