"""What a run prints at its end, over several seeds."""

from dataclasses import replace

import pytest

from bench.execution.reached import diverged_lines, final_table
from bench.execution.report import gradient_table, relative_biases
from bench.results.render import Block, render
from bench.results.schema import Final, GradientRow
from bench.settings import Cell
from tests.bench.results.samples import TRAINING, cell, gradient, record


def over_seeds(*rows: list[GradientRow], of: Cell | None = None) -> Block:
    cells = [replace(of or cell(), seed=seed) for seed in range(len(rows))]
    table = gradient_table([record(one, gradients=of_seed) for one, of_seed in zip(cells, rows, strict=True)])
    assert table is not None
    return table


def column(table: Block, name: str) -> list[str]:
    return [str(line[table.headers.index(name)]) for line in table.lines]


def test_intervals_keep_to_what_a_metric_can_be() -> None:
    """Student's quantile with one degree of freedom is 12.7: mean ± 12.7 standard errors leaves every range."""
    table = over_seeds(
        *([gradient(name, value) for name in ("variance", "relative_bias", "snr")] for value in (1.0, 2.0))
    )
    # 1.5 ± 6.35; of the variance on the logarithm, 1.5 · exp(± 6.35 / 1.5).
    assert column(table, "variance") == ["1.5 [0.022, 100]"]
    assert column(table, "relative bias")[0].startswith("1.5 [0, ")
    assert column(table, "SNR")[0].startswith("1.5 [0, ")


def test_a_narrow_interval_is_a_percentage() -> None:
    table = over_seeds([gradient("variance", 100.0)], [gradient("variance", 101.0)])
    assert column(table, "variance") == ["100 ±6.3%"]


def test_references_that_differ_in_precision_are_named_once() -> None:
    table = over_seeds(
        *(
            [gradient("variance", 1.0), gradient("relative_bias", 0.1, reference=reference)]
            for reference in ("reparam (Monte Carlo, ±1.1%)", "reparam (Monte Carlo, ±2.9%)", "exact")
        )
    )
    assert table.notes[0] == "target elbo, reference exact and reparam (Monte Carlo, ±1.1 to 2.9%)"


def test_what_has_no_reference_is_named_with_the_reason() -> None:
    lines = [
        record(cell(samples=1), gradients=[gradient("variance", 1.0), gradient("relative_bias", 0.1)]),
        record(cell(samples=2), gradients=[gradient("variance", 1.0, reference="", target="iwae")]),
    ]
    table = gradient_table(lines)
    assert table is not None
    compared, lacking, *_ = table.notes
    assert compared == "target elbo, reference exact"
    assert lacking.startswith("no reference for rebar")
    assert " K=2: " in lacking
    assert lacking.endswith("gives target iwae neither exactly nor by an unbiased estimator")


README = [
    gradient("relative_bias", 2.49, ci_low=0.60, ci_high=4.23),
    gradient("variance", 2.41e7),
    gradient("relative_bias", 0.007, ci_low=0.0, ci_high=0.047, group="model"),
    gradient("variance", 237.0, group="model"),
]
"""What the run that README.md begins with once measured of an unbiased estimator."""


def test_an_interval_that_misses_zero_by_chance_is_not_called_a_bias() -> None:
    run = [record(cell(estimator="reinforce", estimator_parameters={}), gradients=README)]
    table = gradient_table(run)
    assert table is not None
    assert column(table, "verdict") == ["no bias seen", "no bias seen"]
    assert column(table, "seen from") == ["4.8", "0.067"]


def test_a_bias_that_is_declared_is_said_to_be() -> None:
    biased = gradient("relative_bias", 0.5, ci_low=0.45, ci_high=0.55)
    for estimator, word in (("straight-through", "biased, as declared"), ("reinforce", "biased"), ("a:B", "biased")):
        table = over_seeds([biased, gradient("variance", 1.0)], of=cell(estimator=estimator, estimator_parameters={}))
        assert column(table, "verdict") == [word]


def test_k_has_a_column_where_one_group_is_reported() -> None:
    table = gradient_table([record(cell(samples=k), gradients=[gradient("variance", 1.0)]) for k in (2, 10)])
    assert table is not None
    assert table.title == "vae-mnist: gradient of guide φ at step 100"
    assert table.headers[:3] == ["", "K", "relative bias"]
    assert column(table, "K") == ["2", "10"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_is_cut_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of the table stand in the text as they are, and no line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", str(width))
    table = gradient_table([record(cell(samples=k), gradients=README) for k in (1, 10)])
    assert table is not None
    text = render(table.title, table.headers, table.lines, "text", table.keys)
    assert all(word in text for word in ("relative bias", "verdict", "seen from", "variance"))
    words = " ".join(text.split())
    assert all(str(word) in words for line in table.lines for word in line if word != "–")
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_a_gap_says_which_elbo_it_is_of() -> None:
    final = Final("nats", 100, train_elbo=-21.02, train_elbo_se=0.05, log_evidence=-20.5, gap=0.53, gap_se=0.0)
    table = final_table([record(final=final)])
    assert table is not None
    assert table.title == "vae-mnist: values after training · nats"
    assert table.headers == ["", "K", "train ELBO", "log p(x)", "gap (KL)"]
    assert table.lines[0][1:] == ["1", "−21.020 ±0.098", "−20.5", "0.53"]
    assert table.notes == ["± is the 95% interval of the evaluation", "the gap is of the exact ELBO"]
    sampled = final_table([record(final=replace(final, gap_se=0.05))])
    assert sampled is not None
    assert sampled.lines[0][-1] == "0.530 ±0.098"
    assert len(sampled.notes) == 1


def test_a_value_of_one_seed_without_an_error_has_no_interval() -> None:
    final = Final("cost", 100, objective=0.25)
    table = final_table([record(final=final)])
    assert table is not None
    assert (table.lines[0][-1], table.notes) == ("0.25", [])
    seeds = [record(cell(seed=seed), final=replace(final, objective=0.25 + seed / 100)) for seed in range(2)]
    table = final_table(seeds)
    assert table is not None
    assert table.headers == ["", "K", "seeds", "objective"]
    assert table.notes == ["± is the 95% interval of the mean over seeds"]


def test_what_was_not_trained_is_said_once() -> None:
    untrained = replace(TRAINING, steps=0)
    final = Final("cost", 0, objective=0.25)
    table = final_table([record(cell(samples=k, training=untrained), final=final) for k in (1, 2, 10)])
    assert table is not None
    assert table.title == "vae-mnist: values at the initial parameters · cost"
    assert (table.headers, table.lines) == (["", "objective"], [["all estimators", "0.25"]])


def test_a_training_that_diverged_is_named() -> None:
    diverged = record(cell(seed=3), status="diverged", reason="the loss is nan", final=Final("nats", 7, diverged_at=7))
    assert final_table([diverged]) is None
    [line] = diverged_lines([record(), diverged])
    assert line.endswith(" K=1, seed 3: diverged: the loss is nan")


def test_single_coordinates_are_not_in_the_table() -> None:
    usual = [gradient("variance", 1.0), gradient("relative_bias", 0.1), gradient("variance", 2.0, group="model")]
    coordinates = [
        gradient("mean", 0.5, group="guide.loc[0]", n=7),
        gradient("true_gradient", 0.5, group="guide.loc[0]", n=0, reference="exact"),
        gradient("mean", 0.5, group="model.noise", n=7),
    ]
    assert over_seeds([*usual, *coordinates]) == over_seeds(usual)
    assert relative_biases([record(gradients=[*usual, *coordinates])]) == relative_biases([record(gradients=usual)])
