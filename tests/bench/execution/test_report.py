"""What a run prints at its end, over several seeds."""

from dataclasses import replace

from bench.execution.report import bias_lines, final_lines, gradient_table
from bench.results.render import Block
from bench.results.schema import Final, GradientRow
from tests.bench.results.samples import cell, gradient, record


def over_seeds(*rows: list[GradientRow]) -> Block:
    table = gradient_table([record(cell(seed=seed), gradients=of_seed) for seed, of_seed in enumerate(rows)])
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
    [line] = bias_lines(run)
    assert line == (
        "reinforce K=1  guide φ no bias seen (one of 4.8 would have been) · "
        "model θ no bias seen (one of 0.067 would have been)"
    )


def test_a_bias_that_is_declared_is_said_to_be() -> None:
    biased = gradient("relative_bias", 0.5, ci_low=0.45, ci_high=0.55)
    for estimator, word in (("straight-through", "biased, as declared"), ("reinforce", "biased"), ("a:B", "biased")):
        run = [record(cell(estimator=estimator, estimator_parameters={}), gradients=[biased])]
        assert bias_lines(run) == [f"{estimator} K=1  guide φ {word}"]


def test_a_gap_says_which_elbo_it_is_of() -> None:
    final = Final("nats", 100, train_elbo=-21.02, train_elbo_se=0.05, log_evidence=-20.5, gap=0.53, gap_se=0.0)
    [line] = final_lines([record(final=final)])
    assert line.endswith("train ELBO −21.020 ±0.098 · log p(x) −20.5 · gap (KL) 0.53 of the exact ELBO")
    [line] = final_lines([record(final=replace(final, gap_se=0.05))])
    assert line.endswith("gap (KL) 0.530 ±0.098")
