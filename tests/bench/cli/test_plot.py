"""`bench plot` as a user meets it, and what `bench run` says about it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench import figures
from bench.figures.fitting import fitting_kind
from bench.results.schema import Record
from bench.results.store import Store
from tests.bench.cli.conftest import Outcome
from tests.bench.figures.grids import make
from tests.bench.results.samples import TRAINING, cell, record

Bench = Callable[..., Outcome]


def test_a_figure_and_its_rows_are_written(bench: Bench) -> None:
    results = make(Path("results"), seeds=(0,))
    outcome = bench("plot", "variance", "--style", "icml", "--columns", "1", "--format", "svg", "--data")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines() == ["variance.svg", "variance.csv"]
    assert "next: `bench table" in outcome.err
    rows = pd.read_csv("variance.csv")
    assert rows["value"].to_numpy() == pytest.approx(figures.rows("variance", results)["value"].to_numpy())


def test_the_ending_gives_the_format_and_options_choose_cells(bench: Bench) -> None:
    make(Path("results"), seeds=(0,))
    chosen = ("--estimator", "reparam", "--samples", "1-2", "--group", "model", "--step", "10")
    outcome = bench("plot", "frontier", "results", *chosen, "--out", "new/figure.png", "--data")
    assert outcome.code == 0, outcome.err
    assert Path("new/figure.png").read_bytes().startswith(b"\x89PNG")
    rows = pd.read_csv("new/figure.csv")
    assert rows[["estimator", "samples", "group", "step"]].to_numpy().tolist() == [
        ["reparam", 1, "model", 10],
        ["reparam", 2, "model", 10],
    ]


def test_weights_need_no_results(bench: Bench) -> None:
    assert bench("plot", "weights", "--format", "png").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["varience"], 2, "'varience' is not one of 'variance'"),
        (["elbo", "--group", "guide"], 2, "--group chooses gradients, but elbo shows none"),
        (["variance", "--out", "figure.jpg"], 2, "a figure cannot be written as 'jpg'"),
        (["variance", "--estimator", "reparm"], 2, "no estimator 'reparm'; did you mean 'reparam'"),
        (["variance", "--samples", "3"], 2, "no sample size K = '3'; there are 1, 2"),
        (["variance", "--step", "5"], 2, "nothing was measured at step 5; there are 0, 10, 100"),
        (["variance", "--out", "figure.pdf", "--format", "png"], 2, "--out figure.pdf would hold a png"),
        (["variance", "--group", "phi"], 2, "there is no group 'phi'; there are all, guide, model"),
        (["weights", "--task", "vae-mnist"], 2, "choose among results"),
        (["weights", "--step", "0"], 2, "choose among results"),
        (["weights", "results"], 5, "there is no cell of lecture-weights"),
        (["variance", "nowhere"], 5, "nowhere does not exist"),
        (["variance", "empty"], 5, "there are no finished cells in empty"),
    ],
)
def test_errors_are_one_sentence(bench: Bench, arguments: list[str], code: int, message: str) -> None:
    make(Path("results"), samples=(1, 2), seeds=(0,))
    Path("empty").mkdir()
    outcome = bench("plot", *arguments)
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_folder_that_takes_no_file_is_an_error(bench: Bench) -> None:
    make(Path("results"), samples=(1,), seeds=(0,))
    Path("file").write_text("")
    outcome = bench("plot", "variance", "--out", "file/figure.pdf")
    assert outcome.code == 5
    assert "cannot write file" in outcome.err


def test_the_help_names_every_kind(bench: Bench) -> None:
    printed = bench("plot", "--help").out
    for kind, about in figures.KINDS.items():
        assert kind in printed
        assert about.summary in printed


def test_run_draws_when_asked_and_names_the_figure_that_fits(bench: Bench) -> None:
    toy = ("--task", "gaussian-quadratic", "--steps", "5", "--checkpoints", "2", "--replicates", "40")
    outcome = bench("run", *toy, "--estimator", "reinforce", "--plot")
    assert outcome.code == 0, outcome.err
    [folder] = Path("results/gaussian-quadratic").glob("reinforce-*")
    assert f"next: add `--estimator reparam`, `bench plot training {folder}` or `bench table`" in outcome.err
    assert outcome.out.splitlines()[-1] == "results/figures/training.pdf"
    assert Path("results/figures/training.pdf").read_bytes().startswith(b"%PDF")
    assert bench("status").code == 0  # figures/ is not taken for a task
    several = bench(
        "run",
        *toy,
        "--estimator",
        "reinforce",
        "--estimator",
        "reparam",
        "--estimator",
        "reinforce-loo",
        "--samples",
        "2",
    )
    assert "next: `bench plot variance` or `bench table`" in several.err


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ([{}, {"seed": 1}], "training"),
        ([{"training": {"steps": 0}}], "frontier"),
        ([{}, {"estimator": "reparam"}], "variance"),
        ([{"samples": samples} for samples in (1, 2, 4)], "scaling"),
        ([{"task": task} for task in ("a", "b", "c")], "matrix"),
    ],
)
def test_the_figure_fits_what_was_run(changes: list[dict[str, object]], kind: str) -> None:
    assert fitting_kind([_record(**change) for change in changes]) == kind


def _record(**changes: object) -> Record:
    from dataclasses import replace

    if "training" in changes:
        changes["training"] = replace(TRAINING, steps=0)
    return record(cell(**changes))


def test_a_damaged_record_is_left_out_when_told(bench: Bench) -> None:
    make(Path("results"), samples=(1,), seeds=(0,))
    Store(Path("results")).write(record(cell(seed=9))).write_text("{")
    assert bench("plot", "variance").code == 5
    assert bench("plot", "variance", "--skip-unreadable").code == 0
