"""REINFORCE with a moving-average baseline."""

from typing import final

import torch
from torch import Tensor

from estimators.base import Estimate, evaluate
from estimators.draw import Detached
from estimators.parts.sampling import AnyDraws, Sampling
from estimators.parts.score import ScoreFunction
from tasks.base import Task


@final
class ReinforceEMA(AnyDraws, ScoreFunction):
    """(f − b_{t−1}) ∇_φ log q, with b an exponential moving average of f over *past* batches.

    The average is read before it is updated: one that contains the current sample would shrink the gradient
    by (1 − decay)/(K B). It is divided by 1 − decay^t, as Adam's moments are, so that it does not start near zero.
    Requirements: none. Bias: none, since b does not depend on the current draws. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    formula = "(1/K) Σ_k (f(z_k) − b_{t−1}) ∇_φ log q(z_k|x)"
    paper = "Williams 1992; Mnih & Gregor 2014, eq. 6"

    total: Tensor
    mass: Tensor

    def __init__(self, decay: float = 0.9, sampling: Sampling = "iid") -> None:
        super().__init__(sampling)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1); it is {decay}")
        self.decay = decay
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("mass", torch.zeros(()))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples, self.noise()))
        f = run.f.detach()
        return Estimate(f.mean(0), (self.centred(x, f) * run.log_q + run.model_value).mean(0))

    def centred(self, x: Tensor, f: Tensor) -> Tensor:
        return f - self.total / self.mass.clamp(min=torch.finfo(self.mass.dtype).tiny)

    def evaluations(self, samples: int) -> int:
        return samples

    def observe(self, estimate: Estimate) -> None:
        self.total.mul_(self.decay).add_((1 - self.decay) * estimate.objective.detach().mean())
        self.mass.mul_(self.decay).add_(1 - self.decay)
