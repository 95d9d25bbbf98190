"""Which figure fits what was run."""

from collections.abc import Sequence

from bench.results.schema import Record


def fitting_kind(records: Sequence[Record]) -> str:
    """Return the kind of figure that shows what these records were made for."""
    cells = [record.cell for record in records]
    trained = any(cell.training.steps for cell in cells)
    samples: dict[str, set[int]] = {}
    for cell in cells:
        samples.setdefault(str(cell.task_spec), set()).add(cell.samples)
    if len({(str(cell.task_spec), str(cell.estimator_spec), cell.samples) for cell in cells}) == 1 and trained:
        return "training"
    if max(map(len, samples.values())) > 2:
        return "scaling"
    if len(samples) > 2:
        return "matrix"
    return "variance" if trained else "frontier"
