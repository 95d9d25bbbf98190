"""From options to a question: patterns become the names that they stand for."""

from collections.abc import Sequence

from bench.advise.advising import Question
from bench.names.registry import ESTIMATORS
from bench.names.selecting import Pattern, select
from bench.names.spec import Spec


def question(
    task: Spec,
    estimators: Sequence[Spec | Pattern],
    budget: float,
    evaluations: int | None,
    seed: int,
    keeps: bool = False,
) -> Question:
    """Return what is asked; for arguments see `Question`.

    Raises:
        UsageError: a pattern stands for nothing.
    """
    named: dict[str, Spec] = {}
    for one in estimators:
        specs = [Spec(name) for name in select(ESTIMATORS, one.text)] if isinstance(one, Pattern) else [one]
        named.update((str(spec), spec) for spec in specs)
    explicit = {str(one) for one in estimators if isinstance(one, Spec)}
    chosen = frozenset(named.keys() - explicit)
    return Question(task, tuple(named.values()), chosen, budget, evaluations, seed, keeps)
