"""The estimators that a task names in `references`: does each stand in for the target's exact gradient?"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

from bench.errors import UsageError, did_you_mean
from bench.execution.fit import Ground, misfit
from bench.names.registry import ESTIMATORS
from bench.names.spec import parse_spec
from estimators.base import Estimator
from tasks.base import Target

_WHATEVER_K: Final = ("expectation", "elbo", "evidence")
"""Targets that do not depend on K, so that their reference is drawn with as many samples as it needs."""


def require_references(ground: Ground) -> None:
    """Refuse a task that names an estimator as reference which is none: before anything runs.

    Raises:
        UsageError: one sentence with the task, the target, the estimator, and why not.
    """
    # An estimator that does not go with minibatches is refused itself, and then its target needs no reference.
    whole = replace(ground, batch_size=len(ground.data.train))
    for target, name in ground.task.references.items():
        for reason in _objections(whole, target, name):
            raise UsageError(
                f"{ground.task.called} names '{name}' in `references` for {target}, but {reason}: name an unbiased "
                f"estimator of that target that fits, or leave it out"
            )


def _objections(ground: Ground, target: str, name: str) -> Iterator[str]:
    known: tuple[str, ...] = get_args(Target)
    if target not in known:
        yield f"there is no target '{target}'{did_you_mean(target, known)}"
    try:
        spec = parse_spec(name)
        estimator = ESTIMATORS.build(spec)
    except UsageError as error:
        yield str(error)
        return
    if target not in estimator.targets or estimator.own_target:
        yield f"it estimates {_aims(estimator)}"
    if not (estimator.unbiased and estimator.trains_guide and estimator.guide_follows_target):
        yield "its gradient is not that of the target in θ and φ"
    fewest = estimator.minimum_samples
    if fewest > 1 and target not in _WHATEVER_K:
        yield f"it needs K ≥ {fewest}, while {target} at K = 1 needs a reference, too"
    if reason := misfit(ground, spec, estimator, fewest):
        yield f"it does not fit: {reason}"


def _aims(estimator: Estimator) -> str:
    return "a target of its own" if estimator.own_target else " or ".join(estimator.targets)
