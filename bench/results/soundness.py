"""What the fields of a record say together, beyond what each may say alone."""

from collections.abc import Iterator

from bench.results.metrics import METRICS
from bench.results.schema import Record


def unsound(record: Record) -> Iterator[str]:
    """Give in words what cannot be true of a record."""
    steps = record.cell.training.steps
    for name, rows in (("gradients", record.gradients), ("training", record.training)):
        for row in rows:
            if row.step > steps:
                yield f"{name} are for step {row.step}, but training has {steps}"
    for row in record.gradients:
        if row.metric not in METRICS:
            yield f"there is no metric {row.metric!r}"
    if (record.status == "limited") is (record.limit is None):
        yield f"its status is {record.status}, but its limit is {record.limit}"
    if record.status == "limited" and (record.final is not None or record.reason is None):
        yield "a limited cell must have a reason and no final values"
    if record.final is not None:
        for name in ("steps", "diverged_at"):
            if (getattr(record.final, name) or 0) > steps:
                yield f"final.{name} is {getattr(record.final, name)}, but training has {steps} steps"
