"""What an ELBO is made of: reconstruction E_q log p(x|z), less the divergence KL(q(z|x) ‖ p(z)) that it costs."""

import torch
from torch import Tensor

from estimators.base import Evaluation
from estimators.draw import Replayed
from tasks.base import GenerativeModel, GlobalModel, Task


def divergence(task: Task, x: Tensor, run: Evaluation) -> Tensor:
    """Return log q(z|x) − log p(z) at the draws of a run, [K, B], whose mean is the Monte Carlo estimate of the KL.

    NaN where log p(x, z) is not made of a prior and a likelihood, or the prior cannot be asked at the guide's draws.
    Nothing is drawn.
    """
    unknown = torch.full_like(run.f, torch.nan)
    if not isinstance(task.model, GenerativeModel):
        return unknown
    try:
        log_prior = _log_prior(task.model, x, run)
    except (ValueError, NotImplementedError):
        # The evaluator never needed it before: somebody's prior may refuse values that its log p(x, z) takes.
        return unknown
    return (run.log_q - log_prior).expand_as(run.f)


def _log_prior(model: GenerativeModel, x: Tensor, run: Evaluation) -> Tensor:
    """Return log p(z) in nats, [K, B]."""
    if isinstance(model, GlobalModel):
        return model.log_prior(run.trace.latents)
    replayed = Replayed(run.trace.latents)
    model.prior(x, replayed)
    return replayed.log_prob()
