"""The generalised doubly reparameterised gradient, for a prior that is learned."""

from typing import final

from torch import Tensor, nn

from estimators.base import (
    Estimate,
    Estimator,
    Unfit,
    generative,
    log_mean_exp,
    log_prob_detached,
    without_parameters,
)
from estimators.distributions import Unsupported
from estimators.distributions.transport import transport
from estimators.draw import Reparameterized, Replayed, Trace
from estimators.parts.later import LaterFactor
from tasks.base import Draw, GenerativeModel, Latents, Task


@final
class GDReG(Estimator):
    """φ as `dreg`. The prior's θ: Σ_k [w̃_k ∂_z log (q/p_j) + w̃_k (1−w̃_k) ∂_z log w_k] ∇_θ T_j(ε; θ), ε = T_j⁻¹(z_k).

    p_j is the prior's conditional of site j and T_j its own reparameterization: the guide's sample is seen as a draw
    from the prior. It replaces Σ w̃_k ∇_θ log p_j(z_k). The likelihood's θ keeps Σ w̃_k ∇_θ log p(x|z_k).
    Detached: w̃ throughout, parameters inside every ∂_z. Requirements: reparameterizable latents and a prior of
    Gaussian, Gamma or exponential conditionals. Bias: none for the K-sample bound. Cost: K evaluations.
    """

    targets = ("iwae",)
    latents = "reparameterizable"
    total_gradient = True
    formula = (
        "φ: Σ_k w̃_k² ∂_z ℓ_k ∇_φ z_k;  "
        "prior's θ: Σ_k [w̃_k ∂_z log(q/p) + w̃_k (1−w̃_k) ∂_z ℓ_k] ∇_θ T_p(ε; θ), ε = T_p⁻¹(z_k)"
    )
    paper = "Bauer & Mnih 2021, eq. 10 and 12"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        model = generative(task, "gdreg")
        draw = Reparameterized(samples)
        task.guide(x, draw)
        fixed = {name: value.detach() for name, value in draw.trace.latents.items()}
        prior = _prior(model, x, fixed)
        as_prior = {name: transport(site.distribution, fixed[name]) for name, site in prior.sites.items()}
        to_guide, to_prior = LaterFactor(), LaterFactor()
        latents: dict[str, Tensor] = {}
        for name, value in draw.trace.latents.items():
            from_prior = to_prior.on(as_prior[name])
            latents[name] = to_guide.on(value) + (from_prior - from_prior.detach())
        # The prior's own θ is taken out of log p(x, z); what depends on z through its density stays.
        log_joint = task.model(x, latents) - _prior(model, x, latents).log_prob()
        log_joint = log_joint + _fixed_prior(model, x, latents).log_prob()
        log_weight = log_joint - log_prob_detached(task, x, draw.trace, latents)
        weight = log_weight.detach().softmax(0)
        to_guide.becomes(weight)
        to_prior.becomes(1 - weight)
        change = log_prob_detached(task, x, draw.trace, as_prior) - prior.detached().at(as_prior).log_prob()
        return Estimate(log_mean_exp(log_weight.detach()), (weight * (log_weight + change)).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        draw = Reparameterized(1)
        generative(task, "gdreg").prior(x[:1], draw)
        for name, site in draw.trace.sites.items():
            try:
                transport(site.distribution, site.value)
            except Unsupported as reason:
                raise Unfit(f"gdreg does not fit the prior of site '{name}': {reason}") from reason


def _prior(model: GenerativeModel, x: Tensor, latents: Latents) -> Trace:
    """Return the prior's distributions at given values."""
    draw = Replayed(latents)
    model.prior(x, draw)
    return draw.trace


def _fixed_prior(model: GenerativeModel, x: Tensor, latents: Latents) -> Trace:
    """Return the same with θ detached; the conditionals still move with the values before them."""
    draw = Replayed(latents)
    without_parameters(_Prior(model), x, draw)
    return draw.trace


@final
class _Prior(nn.Module):
    """A model's prior as a module, whose parameters can be detached."""

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, draw: Draw) -> None:
        self.model.prior(x, draw)
