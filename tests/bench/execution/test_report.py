"""What a run prints at its end, over several seeds."""

from rich.table import Table

from bench.execution.report import gradient_table
from bench.results.schema import GradientRow
from tests.bench.results.samples import cell, gradient, record


def over_seeds(*rows: list[GradientRow]) -> Table:
    table = gradient_table([record(cell(seed=seed), gradients=of_seed) for seed, of_seed in enumerate(rows)])
    assert table is not None
    return table


def column(table: Table, name: str) -> str:
    return next(str(next(iter(column.cells))) for column in table.columns if column.header == name)


def test_intervals_keep_to_what_a_metric_can_be() -> None:
    """Student's quantile with one degree of freedom is 12.7: mean ± 12.7 standard errors leaves every range."""
    table = over_seeds(
        *([gradient(name, value) for name in ("variance", "relative_bias", "snr")] for value in (1.0, 2.0))
    )
    # 1.5 ± 6.35; of the variance on the logarithm, 1.5 · exp(± 6.35 / 1.5).
    assert column(table, "variance") == "1.5 [0.022, 100]"
    assert column(table, "relative bias").startswith("1.5 [0, ")
    assert column(table, "SNR").startswith("1.5 [0, ")


def test_a_narrow_interval_is_a_percentage() -> None:
    table = over_seeds([gradient("variance", 100.0)], [gradient("variance", 101.0)])
    assert column(table, "variance") == "100 ±6.3%"


def test_references_that_differ_in_precision_are_named_once() -> None:
    table = over_seeds(
        *(
            [gradient("variance", 1.0), gradient("relative_bias", 0.1, reference=reference)]
            for reference in ("reparam (Monte Carlo, ±1.1%)", "reparam (Monte Carlo, ±2.9%)", "exact")
        )
    )
    assert "target elbo, reference exact and reparam (Monte Carlo, ±1.1 to 2.9%)" in str(table.caption)


def test_what_has_no_reference_is_named_with_the_reason() -> None:
    lines = [
        record(cell(samples=1), gradients=[gradient("variance", 1.0), gradient("relative_bias", 0.1)]),
        record(cell(samples=2), gradients=[gradient("variance", 1.0, reference="", target="iwae")]),
    ]
    table = gradient_table(lines)
    assert table is not None
    assert "target elbo, reference exact\nno reference for rebar" in str(table.caption)
    assert " K=2: " in str(table.caption)
    assert "gives target iwae neither exactly nor by an unbiased estimator\n1000" in str(table.caption)
