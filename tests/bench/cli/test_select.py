"""`--select`: tables and figures at the best settings, and what they say of the choice."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import varbench
from bench.execution.best_settings import best_settings
from bench.figures import KINDS, rows
from bench.figures.page import Page
from bench.figures.paging import laid_out
from bench.results.schema import Final
from bench.results.store import Store
from bench.results.tables import load
from bench.results.tuned import tuned
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import TRAINING, cell, gradient, record

CHOSEN = "chosen on vae-mnist: reinforce 0.001 (at the lower edge of the grid); rebar 0.01"
HEAD = "guide-lr chosen for each estimator by its ELBO on rows held back from training, mean over seeds"
WORTH = {"rebar": {0.1: -3.0, 0.01: -1.0, 0.001: -2.0}, "reinforce": {0.1: -3.0, 0.01: -2.0, 0.001: -1.0}}


@pytest.fixture
def results(bench: Bench) -> Path:
    """Return a folder with a grid whose best step sizes are known."""
    for estimator, worth in WORTH.items():
        for (guide_lr, value), seed in ((item, seed) for item in worth.items() for seed in range(2)):
            training = replace(TRAINING, guide_lr=guide_lr, validation=0.1)
            of = cell(estimator=estimator, seed=seed, training=training)
            # On test data, another is the best.
            final = Final("nats", 100, train_elbo=-1.0, validation_elbo=value, test_elbo=-value, evaluation_samples=9)
            moments = [
                gradient(metric, guide_lr + seed, step, group)
                for metric in (
                    "variance",
                    "snr",
                    "relative_bias",
                    "bias",
                    "mse",
                    "work_variance",
                    "seconds",
                    "evaluations",
                )
                for step in (0, 100)
                for group in ("guide", "all")
            ]
            Store("results").write(record(of, final=final, gradients=moments))
    return Path("results")


def _words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("arguments", [["--what", "final"], [], ["--what", "final", "--across", "metric"]])
def test_a_table_is_of_what_was_chosen_and_says_so(bench: Bench, results: Path, arguments: list[str]) -> None:
    outcome = bench("table", *arguments, "--select", "guide-lr")
    assert outcome.code == 0, outcome.err
    assert f"{HEAD} {CHOSEN}" in _words(outcome.out)
    assert "guide_lr=" not in outcome.out
    assert "guide_lr=" in bench("table", *arguments).out


def test_a_caption_says_it(bench: Bench, results: Path) -> None:
    arguments = ["--what", "final", "--across", "metric", "--select", "guide-lr", "--caption"]
    latex = bench("table", *arguments, "--format", "latex").out
    (caption,) = re.findall(r"\\caption\{(.*)\}\n", latex)
    assert "Guide-lr chosen for each estimator by its ELBO on rows held back from training, mean over seeds." in caption
    assert "Chosen on vae-mnist: reinforce 0.001 (at the lower edge of the grid); rebar 0.01." in caption
    assert CHOSEN[1:] in bench("table", *arguments, "--format", "markdown").out


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("across", [[], ["--across", "metric"]])
def test_rows_are_those_of_what_was_chosen(bench: Bench, results: Path, form: str, across: list[str]) -> None:
    outcome = bench("table", "--what", "final", *across, "--select", "guide-lr", "--format", form)
    assert f"{HEAD}\n{CHOSEN}\n" in outcome.err
    if form == "json" and not across:
        told = json.loads(outcome.out)
        assert {(row["estimator"], row["training_guide_lr"]) for row in told} == {("rebar", 0.01), ("reinforce", 0.001)}


def test_a_note_is_of_the_tasks_that_are_shown(bench: Bench, results: Path) -> None:
    for guide_lr in (0.1, 0.01):
        of = cell(task="gaussian-quadratic", training=replace(TRAINING, guide_lr=guide_lr))
        Store("results").write(record(of, final=Final("cost", 100, objective=guide_lr)))
    shown = bench("table", "--what", "final", "--across", "task", "--metric", "test_elbo", "--select", "guide-lr").out
    assert "chosen on vae-mnist" in _words(shown)
    assert "gaussian-quadratic" not in shown
    every = bench("table", "--what", "final", "--select", "guide-lr").out
    assert "chosen on gaussian-quadratic: rebar 0.01 (at the lower edge of the grid)" in _words(every)


def _texts(figure: Figure) -> str:
    return _words(" ".join(legend.get_title().get_text() for legend in figure.legends))


# `scaling` and `evidence` are of grids of K, and say what the others say by the same functions.
@pytest.mark.parametrize(
    "kind", [name for name in KINDS if KINDS[name].task is None and name not in ("scaling", "evidence")]
)
def test_every_figure_says_what_its_page_is_to_say(results: Path, kind: str) -> None:
    found = tuned(load(results), ["guide-lr"])
    shown = rows(kind, found.results)
    assert "guide_lr=" not in shown.to_csv()
    said = "; ".join(found.notes())
    for note in ("", said):
        pages = [figure for _, figure in laid_out(kind, shown, Page(note=note))]
        assert [f"{HEAD}; {CHOSEN}" in _texts(figure) for figure in pages] == [bool(note)] * len(pages)
        # There is room for it.
        pages[0].savefig("drawn.png", dpi=30)


def test_a_figure_is_drawn_of_what_was_chosen(bench: Bench, results: Path) -> None:
    outcome = bench("plot", "final", "--select", "guide-lr", "--out", "final.svg", "--data")
    assert outcome.code == 0, outcome.err
    assert Path("final.svg").is_file()
    assert "guide_lr" not in Path("final.csv").read_text()
    plain = bench("plot", "final", "--out", "final.svg", "--data")
    assert plain.code == 0
    assert "guide_lr" in Path("final.csv").read_text()


def test_a_report_is_of_what_was_chosen_and_its_overview_says_so(bench: Bench, results: Path) -> None:
    def told(file: str) -> str:
        """Return what a page says, without its scripts and its style."""
        return _words(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", Path(file).read_text(), flags=re.DOTALL))

    assert bench("report").code == 0
    assert bench("report", "--select", "guide-lr", "--out", "chosen.html").code == 0
    whole, chosen = told("report.html"), told("chosen.html")
    selection = f"4 of 12 cells are shown {HEAD} {CHOSEN}"
    # In the overview, ahead of the tasks.
    overview = chosen[: chosen.index("Tasks, and how their cells ended")]
    assert f"Only the best settings of each estimator are shown. {selection}" in overview
    assert "guide_lr=" not in chosen
    assert "guide_lr=" in whole
    assert "Only the best settings" not in whole
    varbench.report(results, "python.html", select="guide-lr", select_by="elbo")
    assert selection in told("python.html")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["table", "--select", "optimizer"], "no estimator here has several values of optimizer"),
        (["table", "--select-by", "elbo"], "name a setting with --select, too"),
        (["table", "--what", "runs", "--select", "guide-lr"], "a run has many"),
        (["plot", "final", "--select", "guide-lr", "--select-by", "iwae"], "no rows of vae-mnist were held back"),
        (["plot", "em", "--select", "guide-lr"], "em shows none"),
        (["report", "--select", "optimizer"], "no estimator here has several values of optimizer"),
        (["report", "--select-by", "elbo"], "name a setting with --select, too"),
        (["report", "--select", "guide-lr", "--select-by", "iwae"], "no rows of vae-mnist were held back"),
    ],
)
def test_what_cannot_be_chosen_is_refused(bench: Bench, results: Path, arguments: list[str], said: str) -> None:
    outcome = bench(*arguments)
    assert outcome.code == 2
    assert said in _words(outcome.err)


def test_a_run_says_last_what_is_best(bench: Bench) -> None:
    grid = ["--steps", "40", "--guide-lr", "1e-6", "--guide-lr", "0.1", "--model-lr", "0", "--validation", "0.25"]
    few = ["--replicates", "40", "--checkpoints", "1", "--evaluation-samples", "20"]
    outcome = bench("run", "--task", "ppca(dim=3, n=40)", "--estimator", "reparam", *grid, *few)
    assert outcome.code == 0, outcome.err
    assert _words(outcome.out).endswith(f"{HEAD} chosen on ppca: reparam 0.1 (at the upper edge of the grid)")


def test_a_run_says_why_it_cannot_say_what_is_best(results: Path) -> None:
    records = [*Store(results).records()]
    assert best_settings(records)[0] == HEAD
    lacking = [replace(one, final=Final("nats", 100, train_elbo=-1.0)) for one in records]
    assert "no rows of vae-mnist were held back from training" in " ".join(best_settings(lacking))
    assert best_settings([one for one in records if one.cell.training.guide_lr == 0.1]) == []


def test_texts_are_chosen_by_the_least_perplexity(bench: Bench) -> None:
    for estimator, worth in (("rebar", {0.1: 30.0, 0.01: 20.0}), ("reinforce", {0.1: 20.0, 0.01: 30.0})):
        for guide_lr, value in worth.items():
            of = cell(task="lda", estimator=estimator, training=replace(TRAINING, guide_lr=guide_lr, validation=0.1))
            # By their ELBOs, which documents of other lengths make, it would be the other one.
            final = Final("nats", 100, train_elbo=-1.0, validation_elbo=value, evaluation_samples=9)
            Store("texts").write(record(of, final=replace(final, validation_perplexity=value, test_perplexity=value)))
    chosen = tuned(load("texts"), ["guide-lr"], "perplexity").results.final
    assert dict(zip(chosen["estimator"], chosen["training_guide_lr"], strict=True)) == {"rebar": 0.01, "reinforce": 0.1}
    by = bench("table", "texts", "--what", "final", "--select", "guide-lr", "--select-by", "perplexity")
    assert "guide-lr chosen for each estimator by its perplexity on rows held back from training" in _words(by.out)


def test_what_has_no_words_cannot_be_chosen_by_their_perplexity(bench: Bench, results: Path) -> None:
    outcome = bench("table", "results", "--what", "final", "--select", "guide-lr", "--select-by", "perplexity")
    assert outcome.code == 2
    assert "rows of vae-mnist have no words: choose by elbo" in _words(outcome.err)
