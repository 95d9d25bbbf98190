"""Figures that draw a task of their own, and need results for nothing but its parameters."""

from bench.errors import ResultsError
from bench.results.tables import Results


def parameters_of(task: str, results: Results | None, usual: str = "") -> str:
    """Return the parameters that a task has in the results, or the `usual` ones without results.

    Raises:
        ResultsError: the results have no cell of it.
    """
    if results is None:
        return usual
    found = results.final.loc[results.final["task"] == task, "task_parameters"]
    if found.empty:
        raise ResultsError(f"there is no cell of {task} in these results; without results, the task's own is drawn")
    return str(found.iloc[0])
