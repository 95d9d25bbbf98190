"""What tells cells apart that have task, estimator and K in common."""

from collections.abc import Sequence

from bench.settings import Cell


def told_apart(cells: Sequence[Cell]) -> dict[str, str]:
    """Return by a cell's id the settings in which it differs from others of the same task, estimator and K.

    Each begins with a space, as in ` guide_lr=0.01 steps=50`; cells that differ in nothing but the seed have none.
    """
    one_each = {cell.configuration: cell for cell in cells}.values()
    names = {(str(cell.task_spec), str(cell.estimator_spec), cell.samples) for cell in one_each}
    if len(names) == len(one_each):
        return {}
    from bench.results.columns import NAMED
    from bench.results.naming import settings_apart
    from bench.results.tables import settings_table

    texts = settings_apart(settings_table(cells), *NAMED)
    return {cell.id: "".join(f" {text}" for text in texts[place]) for place, cell in enumerate(cells)}
