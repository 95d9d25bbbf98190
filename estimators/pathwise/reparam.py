"""The pathwise estimator (reparameterization trick)."""

from typing import Literal, final, get_args

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from estimators.base import Estimate, Unfit, evaluate, generative
from estimators.draw import Reparameterized, Replayed, Trace
from estimators.parts.sampling import AnyDraws, Sampling
from tasks.base import Task

KL = Literal["sampled", "analytic"]


@final
class Reparam(AnyDraws):
    """∇_φ E_q f = E_ε[∇_z f(z) ∇_φ T(ε, φ) + ∇_φ f], z = T(ε, φ).

    With `kl=analytic` an ELBO is E log p(x|z) − KL(q(z|x) ‖ p(z)), the divergence in closed form.
    Detached: nothing; on an ELBO the density's own dependence on φ is kept.
    Requirements: every latent site reparameterizable (explicitly, or implicitly as Gamma is), f differentiable in z;
    for an analytic divergence a prior, and one that torch knows for each site. Bias: none. Cost: K evaluations.

    Args:
        kl: sampled or analytic.
        sampling: iid, antithetic or rqmc.
    """

    targets = ("expectation", "elbo")
    latents = "reparameterizable"
    total_gradient = True
    checked = ({}, {"kl": "analytic"}, {"sampling": "antithetic"}, {"sampling": "rqmc"})
    formula = "(1/K) Σ_k ∇_φ f(T(ε_k, φ))"
    paper = "Kingma & Welling 2014, eq. 7 and 10; Rezende, Mohamed & Wierstra 2014; Figurnov et al. 2018 (implicit)"

    def __init__(self, kl: KL = "sampled", sampling: Sampling = "iid") -> None:
        super().__init__(sampling)
        if kl not in get_args(KL):
            raise ValueError(f"kl must be sampled or analytic; it is '{kl}'")
        self.kl = kl

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Reparameterized(samples, self.noise()))
        value = run.f.mean(0)
        if self.kl == "analytic":
            prior = _prior(task, x, run.trace)
            value = (run.model_value - prior.log_prob()).mean(0) - _divergence(run.trace, prior)
        return Estimate(value.detach(), value)

    def evaluations(self, samples: int) -> int:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        if self.kl == "sampled":
            return
        if task.target == "expectation":
            raise Unfit(f"kl=analytic needs an ELBO, but {task.called} is a cost f(z)")
        draw = Reparameterized(1)
        task.guide(x[:1], draw)
        prior = _prior(task, x[:1], draw.trace)
        if any(site.conditional for trace in (draw.trace, prior) for site in trace.sites.values()):
            raise Unfit(f"kl=analytic needs independent sites; {task.called} has one that depends on another")
        try:
            _divergence(draw.trace, prior)
        except NotImplementedError as reason:
            raise Unfit(f"no closed form of the divergence is known for {task.called}") from reason


def _prior(task: Task, x: Tensor, trace: Trace) -> Trace:
    """Return the prior's distributions at the guide's values."""
    draw = Replayed(trace.latents)
    generative(task, "kl=analytic").prior(x, draw)
    return draw.trace


def _divergence(trace: Trace, prior: Trace) -> Tensor:
    """Return Σ_sites KL(q ‖ p) in nats, [B]."""
    terms = [kl_divergence(site.distribution, prior.sites[name].distribution) for name, site in trace.sites.items()]
    return torch.stack(terms).sum(0)
