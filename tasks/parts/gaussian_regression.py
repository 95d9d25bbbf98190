"""What regressions with Gaussian noise share: the prior over weights, and densities by what they are linear in."""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from tasks.base import Draw, GlobalModel, Latents
from tasks.parts.networks import diagonal_normal

_LOG_2_PI = math.log(2 * math.pi)


class GaussianRegression(GlobalModel):
    """w ~ N(0, α⁻¹ I), y_m|w ~ N(f_w(x_m), σ²), with log α as `log_precision` and log σ as `log_noise`."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.log_precision = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_noise = nn.Parameter(torch.zeros((), dtype=torch.float64))

    @property
    @abstractmethod
    def weights(self) -> int:
        """Return how many weights there are."""

    def likelihood_value(self, square: Tensor) -> Tensor:
        """Return log p(y_m|w) from the squared residual, in which it is linear: given its mean, the mean."""
        return -0.5 * square * torch.exp(-2 * self.log_noise) - self.log_noise - 0.5 * _LOG_2_PI

    def log_prior(self, z: Latents) -> Tensor:
        return self.prior_value(z["z"].square().sum(-1))

    def prior_value(self, square: Tensor) -> Tensor:
        """Return log p(w) from ‖w‖², in which it is linear."""
        return -0.5 * square * self.log_precision.exp() + 0.5 * self.weights * (self.log_precision - _LOG_2_PI)

    def prior(self, x: Tensor, draw: Draw) -> None:
        zeros = x.new_zeros(1, self.weights)
        draw("z", diagonal_normal(zeros, torch.exp(-0.5 * self.log_precision).expand_as(zeros)))
