"""The generalised doubly reparameterised gradient, for a prior that is learned."""

from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from estimators import distributions
from estimators.base import Estimate, Estimator, Unfit, generative, log_mean_exp, log_prob_detached
from estimators.distributions import Unsupported
from estimators.distributions.transport import transport
from estimators.draw import Reparameterized, Replayed, Trace
from estimators.parts.shapes import as_events
from tasks.base import Draw, GenerativeModel, Task


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
    formula = (
        "φ: Σ_k w̃_k² ∂_z ℓ_k ∇_φ z_k;  "
        "prior's θ: Σ_k [w̃_k ∂_z log(q/p) + w̃_k (1−w̃_k) ∂_z ℓ_k] ∇_θ T_p(ε; θ), ε = T_p⁻¹(z_k)"
    )
    paper = "Bauer & Mnih 2021, eq. 10 and 12"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        model = generative(task, "GDReG")
        draw = Reparameterized(samples)
        task.guide(x, draw)
        fixed = {name: value.detach() for name, value in draw.trace.latents.items()}
        prior = _prior(model, x, Replayed(fixed))
        as_prior = {name: transport(site.distribution, fixed[name]) for name, site in prior.sites.items()}
        weights: list[Tensor] = []
        latents: dict[str, Tensor] = {}
        for name, value in draw.trace.latents.items():
            path, from_prior = value.clone(), as_prior[name].clone()
            if path.requires_grad:
                path.register_hook(lambda gradient: gradient * as_events(weights[0], gradient))
            if from_prior.requires_grad:
                from_prior.register_hook(lambda gradient: gradient * (1 - as_events(weights[0], gradient)))
            latents[name] = path + (from_prior - from_prior.detach())
        # The prior's own θ is taken out of log p(x, z); what depends on z through its density stays.
        frozen = {name: value.detach() for name, value in model.named_parameters()}
        log_joint = task.model(x, latents) - _prior(model, x, Replayed(latents)).log_prob()
        log_joint = log_joint + _prior(model, x, Replayed(latents), frozen).log_prob()
        log_weight = log_joint - log_prob_detached(task, x, draw.trace, latents)
        weights.append(log_weight.detach().softmax(0))
        log_prior = torch.stack(
            [
                distributions.log_prob(distributions.detach(site.distribution), as_prior[name])
                for name, site in prior.sites.items()
            ]
        ).sum(0)
        change = log_prob_detached(task, x, draw.trace, as_prior) - log_prior
        return Estimate(log_mean_exp(log_weight.detach()), (weights[0] * (log_weight + change)).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        draw = Reparameterized(1)
        generative(task, "GDReG").prior(x[:1], draw)
        for name, site in draw.trace.sites.items():
            try:
                transport(site.distribution, site.value)
            except Unsupported as reason:
                raise Unfit(f"GDReG does not fit the prior of site '{name}': {reason}") from reason


def _prior(model: GenerativeModel, x: Tensor, draw: Replayed, parameters: dict[str, Tensor] | None = None) -> Trace:
    """Run the prior with given values, and with other parameters where they are given."""
    replaced = {f"model.{name}": value for name, value in (parameters or {}).items()}
    functional_call(_Prior(model), replaced, (x, draw))
    return draw.trace


@final
class _Prior(nn.Module):
    """A model's prior as a module, since `functional_call` replaces parameters of one."""

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, draw: Draw) -> None:
        self.model.prior(x, draw)
