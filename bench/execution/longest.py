"""In what order processes are given jobs: the longest first, so that none is left alone with one at the end."""

import math
from collections.abc import Sequence

from bench.execution.job import Job
from bench.names.registry import ESTIMATORS
from bench.settings import Cell


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return jobs by how often training evaluates the model, most often first; where that is not known, before these.

    Jobs that are equally long stay in their order.
    """
    known: dict[tuple[str, int], float] = {}

    def evaluations(cell: Cell) -> float:
        key = str(cell.estimator_spec), cell.samples
        if key not in known:
            made = ESTIMATORS.build(cell.estimator_spec).evaluations(cell.samples)
            known[key] = math.inf if made is None else made
        return known[key] * cell.training.batch_size * max(1, cell.training.steps)

    return sorted(jobs, key=lambda job: sum(evaluations(one.cell) for one in job.due), reverse=True)
