"""The mean of several importance-weighted bounds."""

from typing import final

from torch import Tensor

from estimators.base import Unfit, log_mean_exp
from estimators.parts import exact
from estimators.parts.bound import Bound
from tasks.base import Task


@final
class MIWAE(Bound):
    """∇ (1/M) Σ_m log (1/K) Σ_k w_{m,k}, all M·K samples independent; `--samples` is M·K.

    More groups raise the signal-to-noise ratio as √M; more samples in a group tighten the bound and lower φ's.
    Detached: nothing. Requirements: M divides the samples. Bias: none for L_K, K = samples / M.
    Cost: M·K evaluations.

    Args:
        groups: M.
    """

    targets = ("miwae",)
    own_target = True
    formula = "∇ (1/M) Σ_m log (1/K) Σ_k w_{m,k}"
    paper = "Rainforth, Kosiorek, Le, Maddison, Igl, Wood & Teh 2018, eq. 10"

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        require_positive_groups(groups)
        self.groups = self.minimum_samples = groups

    def bound(self, log_weight: Tensor) -> Tensor:
        return grouped_bound(log_weight, self.groups)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return exact.mean(task, x, samples // self.groups, log_mean_exp)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        require_divisible(samples, self.groups)


def grouped_bound(log_weight: Tensor, groups: int) -> Tensor:
    """Return the mean of L̂_K over M = `groups` groups of samples: [M·K, B] to [B]."""
    by_group = log_weight.unflatten(0, (groups, -1))
    return log_mean_exp(by_group.transpose(0, 1)).mean(0)


def require_positive_groups(groups: int) -> None:
    """Raise ValueError unless there is a group."""
    if groups < 1:
        raise ValueError(f"groups must be at least 1; it is {groups}")


def require_divisible(samples: int, groups: int) -> None:
    """Raise `Unfit` where the samples do not divide into groups of equal size."""
    if samples % groups:
        raise Unfit(f"{groups} groups need a multiple of {groups} samples per datapoint; --samples is {samples}")
