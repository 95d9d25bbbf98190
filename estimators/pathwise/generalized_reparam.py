"""The generalised reparameterization gradient."""

from typing import final

import torch
from torch import Tensor

from estimators.parts.weak import WeaklyReparameterized, draw_gamma, log_gamma_density


@final
class GeneralizedReparam(WeaklyReparameterized):
    """E[∇_z f ∇_φ T + f ∇_φ log (q(T) |∂_ε T|)], T standardising log z: Gamma(α, 1) is T = exp(ε √ψ₁(α) + ψ(α)).

    ε has mean 0 and variance 1 whatever α is, so that its density depends on α weakly; the second term corrects for the
    rest. On Gaussian latents ε is the usual noise, and the estimator is `reparam`.
    Detached: ε, and f in the second term. Requirements: Gaussian, Gamma, Beta or Dirichlet latents.
    Bias: none. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    formula = "(1/K) Σ_k [∇_φ f(T(ε_k, φ)) + f ∇_φ log (q(T(ε_k, φ)) |∂_ε T|)], Gamma: T = exp(ε √ψ₁(α) + ψ(α))"
    paper = "Ruiz, Titsias & Blei 2016, eq. 6 to 8"

    def transform(self, concentration: Tensor) -> tuple[Tensor, Tensor]:
        shift, scale = torch.digamma(concentration), torch.polygamma(1, concentration).sqrt()
        noise = ((draw_gamma(concentration).log() - shift) / scale).detach()
        log_value = noise * scale + shift
        value = log_value.exp()
        return value, log_gamma_density(value, concentration) + log_value + scale.log()
