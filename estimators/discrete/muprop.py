"""MuProp."""

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.func import grad

from estimators import distributions
from estimators.base import Estimate, evaluate, integrand, without_parameters
from estimators.draw import Detached, Draw, Trace, is_conditional
from estimators.parts.sampling import AnyDraws
from estimators.parts.shapes import sum_events
from tasks.base import Task


@final
class MuProp(AnyDraws):
    """(1/K) Σ_k {[f(b_k) − f(μ) − f′(μ)·(b_k − μ)] ∇_φ log q(b_k|x) + f′(μ)·∇_φ μ}, μ the mean of b.

    The first-order Taylor series of f at the mean is the control variate, and its own gradient is known. With several
    sites μ is the mean-field pass, in which each takes the means of those before it; f′(μ) for a site goes through the
    later ones, its score is multiplied by what the expansion in this and the earlier sites leaves, and ∇_φ μ is that of
    its mean at the drawn values of the earlier sites.
    Detached: b, f and the expansion, so that θ gets ∇_θ f(b) alone. Requirements: Bernoulli or one-hot latents, f
    differentiable in them. Bias: none. Cost: K + 1 evaluations.

    Args:
        sampling: iid, antithetic or rqmc.
    """

    targets = ("expectation", "elbo")
    latents = "relaxable"
    formula = "(1/K) Σ_k {[f(b_k) − f(μ) − f′(μ)·(b_k − μ)] ∇_φ log q(b_k|x) + f′(μ)·∇_φ μ}"
    paper = "Gu, Levine, Sutskever & Mnih 2016, eq. 6 and 9"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples, self.noise()))
        f = run.f.detach()
        centre, slopes, means = _expand(task, x, run.trace)
        surrogate = run.model_value
        terms = {name: sum_events(slopes[name] * (site.value - means[name])) for name, site in run.trace.sites.items()}
        for place, (name, site) in enumerate(run.trace.sites.items()):
            # What is subtracted may depend on this site linearly, and on all that this one has no influence on.
            known = [
                terms[other]
                for position, other in enumerate(terms)
                if position <= place or not run.trace.sites[other].conditional
            ]
            signal = f - centre - torch.stack(known).sum(0)
            log_q = distributions.log_prob(site.distribution, site.value)
            surrogate = surrogate + signal * log_q + sum_events(slopes[name] * _mean(site.distribution))
        return Estimate(f.mean(0), surrogate.mean(0))

    def evaluations(self, samples: int) -> int | None:
        return samples + 1


def _expand(task: Task, x: Tensor, trace: Trace) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Return f(μ), [1, B], and by site f′(μ) and μ, each [1, B, event], all without gradient in θ and φ."""

    def at(offsets: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Tensor, dict[str, Tensor]]]:
        draw = _MeanField(offsets)
        without_parameters(task.guide, x, draw)
        f = integrand(task, without_parameters(task.model, x, draw.trace.latents), draw.trace.log_prob)
        return f.sum(), (f, draw.trace.latents)

    offsets = {name: torch.zeros_like(site.value[:1]) for name, site in trace.sites.items()}
    slopes, (centre, means) = grad(at, has_aux=True)(offsets)
    return centre, slopes, means


@final
class _MeanField(Draw):
    """Each site's mean given the means of the earlier ones, plus an offset."""

    def __init__(self, offsets: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.offsets = offsets

    def value(self, site: str, distribution: Distribution) -> Tensor:
        return _mean(distribution) + self.offsets[site]


def _mean(distribution: Distribution) -> Tensor:
    """Return the mean with a sample axis, [K or 1, B, event]."""
    mean = distributions.relaxation(distribution).probs
    return mean if is_conditional(distribution) else mean[None]
