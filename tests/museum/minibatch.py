"""Subsampled data: the factor N/|B| applied twice, or inverted."""

import torch
from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import Reparameterized
from tasks.base import Task


class Subsampled(Estimator):
    """Half of the N rows, chosen without replacement, each times N/|B| (Hoffman et al. 2013)."""

    targets = ("elbo",)
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        rows = x.shape[0]
        kept = max(1, rows // 2)
        chosen = torch.rand(rows, device=x.device).argsort() < kept
        value = evaluate(task, x, Reparameterized(samples)).f.mean(0)
        scaled = chosen * self.scale(rows / kept) * value
        return Estimate(scaled.detach() / self.scale(rows / kept) * (rows / kept), scaled)

    def scale(self, ratio: float) -> float:
        """Return the factor of each row, given N/|B|."""
        return ratio


class ScaledTwice(Subsampled):
    """(N/|B|)²."""

    def scale(self, ratio: float) -> float:
        return ratio**2


class ScaleInverted(Subsampled):
    """|B|/N."""

    def scale(self, ratio: float) -> float:
        return 1 / ratio
