"""The thermodynamic variational objective."""

from typing import Literal, final, get_args

import torch
from torch import Tensor, nn

from estimators.base import Bias, Estimate, Estimator, evaluate
from estimators.draw import Detached
from estimators.parts import exact
from tasks.base import Task

Schedule = Literal["fixed", "learned"]


@final
class TVO(Estimator):
    """∇ Σ_k (β_{k+1} − β_k) E_{π_{β_k}} log w, π_β ∝ p^β q^{1−β}: the left sum of log p(x) = ∫₀¹ E_{π_β} log w dβ.

    For each β, with w̃ = ⊥softmax(β log w): Σ_i w̃_i ∇ log w_i + (S/(S−1)) Σ_i w̃_i ⊥(ℓ_i − ℓ̄_β) ∇ log π̃_β(z_i),
    log π̃_β = β log p + (1−β) log q, a covariance by self-normalised weights. Its mean ∇ log π̃ drops out, since the
    centred weights add up to zero. The schedule: β_0 = 0, then log-spaced from `first` to 1. A learned one starts there
    and ascends the bound itself, as any choice of β gives one.
    Detached: z and the weights. Requirements: S = K ≥ 2. Bias: O(1/S), from the weights' normalisation.
    Cost: K evaluations.

    Args:
        partitions: the number of terms.
        first: β_1, in (0, 1); unused with one partition, which is the ELBO.
        schedule: fixed or learned.
    """

    targets = ("tvo",)
    own_target = True
    unbiased = False
    bias_claim = Bias(vanishes=True)
    minimum_samples = 2
    total_gradient = True
    formula = (
        "Σ_k Δβ_k [Σ_i w̃_i ∇ℓ_i + (S/(S−1)) Σ_i w̃_i (ℓ_i − ℓ̄) ∇(β_k log p + (1−β_k) log q)(z_i)], w̃ = softmax(β_k ℓ)"
    )
    paper = "Masrani, Le & Wood 2019, eq. 6 and 11"

    def __init__(self, partitions: int = 5, first: float = 0.05, schedule: Schedule = "fixed") -> None:
        super().__init__()
        if partitions < 1:
            raise ValueError(f"partitions must be at least 1; it is {partitions}")
        if not 0 < first < 1:
            raise ValueError(f"first must be between 0 and 1; it is {first}")
        if schedule not in get_args(Schedule):
            raise ValueError(f"schedule must be fixed or learned; it is '{schedule}'")
        edges = [0.0, *torch.logspace(torch.tensor(first).log10().item(), 0, partitions).tolist()]
        widths = torch.tensor([1.0]) if partitions == 1 else torch.tensor(edges).diff()
        self.log_widths = nn.Parameter(widths.log(), requires_grad=schedule == "learned")

    def widths(self) -> tuple[Tensor, Tensor]:
        """Return Δβ_k and β_k, each [partitions]."""
        widths = self.log_widths.softmax(0)
        return widths, widths.cumsum(0) - widths

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        width, beta = (part.detach()[:, None, None] for part in self.widths())
        weight = (beta * log_weight).softmax(1)
        centred = weight * (log_weight - (weight * log_weight).sum(1, keepdim=True)) * samples / (samples - 1)
        # What log p and log q are multiplied by, summed over β: two numbers for each sample.
        on_p = (width * (weight + beta * centred)).sum(0)
        on_q = (width * ((1 - beta) * centred - weight)).sum(0)
        objective = (width * weight * log_weight).sum((0, 1))
        return Estimate(objective, (on_p * run.model_value + on_q * run.log_q).sum(0), self._loss(log_weight))

    def _loss(self, log_weight: Tensor) -> Tensor | None:
        """Return minus the bound as a function of the schedule alone."""
        if not self.log_widths.requires_grad:
            return None
        width, beta = (part[:, None, None] for part in self.widths())
        return -(width * (beta * log_weight).softmax(1) * log_weight).sum((0, 1)).mean()

    def evaluations(self, samples: int) -> int | None:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        found = exact.population(task, x)
        if found is None:
            return None
        width, beta = (part.detach()[:, None, None] for part in self.widths())
        tempered = (found.mass.log() + beta * found.log_weight).softmax(1)
        return (width * tempered * found.log_weight).sum((0, 1))
