"""Measured moments as rows of a record."""

from collections.abc import Mapping

from bench.results.metrics import METRICS
from bench.results.schema import GradientRow
from bench.statistics.intervals import Interval


def gradient_rows(
    metrics: Mapping[str, Mapping[str, Interval]],
    step: int,
    replicates: int,
    target: str,
    reference: str,
    evidence: str = "",
) -> list[GradientRow]:
    """Return a row per parameter group and metric.

    Args:
        metrics: by group and name.
        step: training steps taken before.
        replicates: that they come from.
        target: what the gradient is meant to be of.
        reference: where the gradient of that came from.
        evidence: where the gradient of log p(x) came from.
    """
    labels = {"": "", "target": reference, "evidence": evidence}
    return [
        GradientRow(
            step=step,
            group=group,
            metric=metric,
            value=interval.value,
            se=interval.se,
            ci_low=interval.low,
            ci_high=interval.high,
            n=replicates,
            reference=labels[METRICS[metric].reference],
            target="evidence" if METRICS[metric].reference == "evidence" else target,
            square=interval.square,
        )
        for group, of_group in metrics.items()
        for metric, interval in of_group.items()
    ]
