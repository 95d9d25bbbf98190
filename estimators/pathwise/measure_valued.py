"""Measure-valued derivatives."""

from typing import final

import torch
from torch import Tensor
from torch.distributions import OneHotCategorical

from estimators.base import Estimate, Estimator, Unfit, evaluate, integrand
from estimators.distributions import Unsupported
from estimators.distributions.measures import Derivative, derivatives
from estimators.distributions.parameters import unwrapped
from estimators.draw import Detached, Site, Trace, probe
from tasks.base import Task


@final
class MeasureValued(Estimator):
    """∂_η E_q f = c_η (E_{q⁺} f − E_{q⁻} f), one coordinate at a time, then ∇_φ η for the guide's parameters η.

    Gaussian μ: (σ√2π)⁻¹ [f(μ + σW) − f(μ − σW)], W ~ Weibull(2, √2), the same W twice; σ: σ⁻¹ [f(μ + σM) − f(μ + σUM)],
    M ∝ m² exp(−m²/2), U uniform. Bernoulli p: f(1) − f(0). Categorical logit c: p_c (f(c) − E f). Poisson λ:
    f(z + 1) − f(z). The other coordinates are the same on both sides. f is a black box, except for θ's own gradient.
    Detached: z and f. Requirements: sites of those families, none depending on another. Bias: none.
    Cost: 2 evaluations per parameter (one per class for categories) and K for f itself, K times.
    """

    targets = ("expectation", "elbo")
    formula = "(1/K) Σ_k Σ_d c_d [f(z_k with z⁺_d) − f(z_k with z⁻_d)] ∇_φ η_d"
    paper = "Mohamed, Rosca, Figurnov & Mnih 2020, section 6"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        surrogate = run.model_value.mean(0)
        for name, site in run.trace.sites.items():
            for part in derivatives(site.distribution, site.value):
                surrogate = surrogate + _term(task, x, run.trace, name, part)
        return Estimate(run.f.detach().mean(0), surrogate)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        for name, site in probe(task.guide, x[:1]).sites.items():
            if site.conditional:
                raise Unfit(f"measure-valued needs independent sites; '{name}' of {task.called} depends on another")
            try:
                derivatives(site.distribution, site.value)
            except Unsupported as reason:
                raise Unfit(f"measure-valued does not fit site '{name}' of {task.called}: {reason}") from reason


def _term(task: Task, x: Tensor, trace: Trace, name: str, part: Derivative) -> Tensor:
    """Return Σ_coordinates ⊥∂_η E f · η for one parameter of one site, [B]."""
    site = trace.sites[name]
    samples, batch = site.value.shape[:2]
    own = _own_axes(site)
    choices = len(part.values)
    value = site.value.reshape(samples, batch, -1, *own)
    alternatives = part.values.reshape(choices, samples, batch, -1, *own)
    count = value.shape[2]
    here = torch.eye(count, dtype=torch.bool, device=value.device).reshape(count, 1, 1, 1, count, *(1,) * len(own))
    changed = torch.where(here, alternatives[None], value[None, None])
    f = _evaluate(task, x, trace, name, changed.reshape(-1, *site.value.shape[1:]))
    f = f.reshape(count, choices, samples, batch).permute(1, 2, 3, 0)
    weights = part.weights.reshape(choices, samples, batch, count, -1)
    gradient = (weights * f[..., None]).sum(0).mean(0)
    return (gradient * part.parameter.reshape(batch, count, -1)).sum((1, 2))


@torch.no_grad()
def _evaluate(task: Task, x: Tensor, trace: Trace, name: str, value: Tensor) -> Tensor:
    """Return f, [N, B], at `value` [N, B, event] of one site and the drawn values, repeated, of the others."""
    repeats = len(value) // len(trace.sites[name].value)
    latents = {
        key: value if key == name else other.value.repeat(repeats, *(1,) * (other.value.dim() - 1))
        for key, other in trace.sites.items()
    }
    return integrand(task, task.model(x, latents), trace.at(latents).log_prob)


def _own_axes(site: Site) -> torch.Size:
    """Return the axes of one coordinate's value: the classes of a one-hot vector, else none."""
    one_hot = isinstance(unwrapped(site.distribution), OneHotCategorical)
    return site.value.shape[-1:] if one_hot else torch.Size(())
