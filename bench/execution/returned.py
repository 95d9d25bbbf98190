"""Does an estimator from outside return what it must? Tested on one estimate, before anything runs."""

import torch

from bench.errors import UsageError
from bench.execution.fit import Ground
from bench.machine.device import CPU, observations
from bench.machine.streams import seeded
from bench.names.building import build_estimator
from bench.names.estimates import wrong_estimate
from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec
from tasks.base import GlobalModel


def require_estimate(ground: Ground, spec: Spec, samples: int) -> None:
    """Refuse an estimator whose `estimate` does not return an `Estimate` of tensors [B].

    Ours are held to it by tests. An error that is raised is no answer: the cell that meets it records it.

    Raises:
        UsageError: one sentence with the estimator, what it returned, and what it must return.
    """
    if ESTIMATORS.is_ours(ESTIMATORS.resolve(spec.name)):
        return
    count = ground.batch_size if isinstance(ground.task.model, GlobalModel) else 2 if samples != 2 else 3
    with seeded(CPU, "returned", str(spec)), torch.enable_grad():
        x = observations(ground.task, ground.data.train[:count])
        estimator = build_estimator(spec, ground.task, x)
        try:
            found = estimator(ground.task, x, samples)
        except Exception:
            return
    wrong = wrong_estimate(found, samples, len(x))
    if wrong is None and not found.surrogate.requires_grad:
        wrong = (
            "a surrogate without a gradient; compute it from what the guide and the model return, in PyTorch, without "
            "no_grad, detach, item or NumPy"
        )
    if wrong is not None:
        raise UsageError(f"`estimate` of estimator '{spec}' returned {wrong}")
