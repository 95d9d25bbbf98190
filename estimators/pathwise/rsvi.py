"""Reparameterization through an acceptance–rejection sampler."""

from typing import final

import torch
from torch import Tensor

from estimators.parts.weak import WeaklyReparameterized, draw_gamma, log_gamma_density


@final
class RSVI(WeaklyReparameterized):
    """E_π[∇_z f ∇_φ h + f ∇_φ log (q(h)/r(h))], h the proposal of a rejection sampler, r its density, ε accepted.

    Gamma(α, 1), Marsaglia & Tsang: h = (α − ⅓)(1 + ε/√(9α − 3))³ with ε from N(0, 1); the accepted ε is found from an
    accepted z by inversion. r's factor N(ε) does not depend on φ, so that log (q/r) is log q(h) + log |∂_ε h| up to it.
    The correction shrinks with α: shape augmentation draws Gamma(α + B, 1) and multiplies by Π_{i≤B} u_i^{1/(α+i−1)},
    which needs no correction. Without augmentation every α must be at least one.
    Detached: ε and u, and f in the second term. Requirements: Gaussian, Gamma, Beta or Dirichlet latents.
    Bias: none. Cost: K evaluations.

    Args:
        augmentation: B.
    """

    targets = ("expectation", "elbo")
    formula = "(1/K) Σ_k [∇_φ f(h(ε_k, φ)) + f ∇_φ log (q(h) |∂_ε h|)], Gamma: h = (α−⅓)(1 + ε/√(9α−3))³"
    paper = "Naesseth, Ruiz, Linderman & Blei 2017, eq. 9 and 10"

    def __init__(self, augmentation: int = 1) -> None:
        super().__init__()
        if augmentation < 0:
            raise ValueError(f"augmentation must not be negative; it is {augmentation}")
        self.augmentation = augmentation

    def transform(self, concentration: Tensor) -> tuple[Tensor, Tensor]:
        raised = concentration + self.augmentation
        centre, spread = raised - 1 / 3, (9 * raised - 3).sqrt()
        noise = (((draw_gamma(raised) / centre) ** (1 / 3) - 1) * spread).detach()
        root = 1 + noise / spread
        value = centre * root**3
        log_slope = (3 * centre / spread).log() + 2 * root.log()
        log_noise = log_gamma_density(value, raised) + log_slope
        for i in range(self.augmentation):
            # 1 − u, since a uniform draw may be zero.
            value = value * (1 - torch.rand_like(noise)) ** (1 / (concentration + i))
        return value.clamp(min=torch.finfo(value.dtype).tiny), log_noise
