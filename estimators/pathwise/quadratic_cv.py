"""The control variate of a quadratic approximation, for Gaussian guides."""

from typing import final

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.func import grad, vjp, vmap

from estimators.base import Estimate, Unfit, evaluate, without_parameters
from estimators.distributions.parameters import unwrapped
from estimators.draw import Reparameterized, probe
from estimators.parts.sampling import AnyDraws
from tasks.base import Task


@final
class QuadraticCV(AnyDraws):
    """g − (g̃ − E g̃): g is `reparam`, g̃ the same for the second-order Taylor series of log p(x, z), or f, at z = μ.

    With z = μ + σ∘ε: g̃_μ = ∇f(μ) + H (σ∘ε), g̃_σ = g̃_μ ∘ ε; their means are ∇f(μ) and diag(H) ∘ σ. (In ln σ these are
    σ times as large, and the entropy adds one.) The entropy's part of g is constant already.
    H enters through Hessian–vector products only: one per sample, and D for its diagonal.
    Detached: the control variate altogether, so that θ gets the gradient of `reparam`.
    Requirements: one site, a diagonal Gaussian that depends on no other; f twice differentiable in z. Bias: none.
    Cost: K + 1 evaluations, and K + D Hessian–vector products.

    Args:
        sampling: iid, antithetic or rqmc.
    """

    targets = ("expectation", "elbo")
    latents = "reparameterizable"
    total_gradient = True
    zero_variance = "quadratic"
    formula = "g − (g̃ − E g̃), g̃_μ = ∇f(μ) + H(σ∘ε), g̃_σ = g̃_μ∘ε, E g̃ = (∇f(μ), diag(H)∘σ)"
    paper = "Miller, Foti, D'Amour & Adams 2017, eq. 13 to 17"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Reparameterized(samples, self.noise()))
        ((name, site),) = run.trace.sites.items()
        normal = unwrapped(site.distribution)
        assert isinstance(normal, Normal)
        loc, scale = normal.loc.detach(), normal.scale.detach()

        def value_at(z: Tensor) -> Tensor:
            return without_parameters(task.model, x, {name: z[None]}).sum()

        slope, pull = vjp(grad(value_at), loc)[:2]
        offset = site.value.detach() - loc
        # The Hessian is symmetric, and block diagonal over the batch: a row of ones in d gives column d for all.
        curved = vmap(lambda vector: pull(vector)[0])(offset)
        basis = torch.eye(loc.shape[-1], dtype=loc.dtype, device=loc.device)[:, None].expand(-1, *loc.shape)
        diagonal = torch.diagonal(vmap(lambda vector: pull(vector)[0])(basis), dim1=0, dim2=-1)
        excess_scale = ((slope + curved) * offset / scale).mean(0) - diagonal * scale
        control = (curved.mean(0) * normal.loc + excess_scale * normal.scale).sum(-1)
        value = run.f.mean(0)
        return Estimate(value.detach(), value - control)

    def evaluations(self, samples: int) -> int | None:
        return samples + 1

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        sites = probe(task.guide, x[:1]).sites
        site = next(iter(sites.values()))
        gaussian = isinstance(unwrapped(site.distribution), Normal) and len(site.distribution.event_shape) == 1
        if len(sites) > 1 or site.conditional or not gaussian:
            raise Unfit(
                f"quadratic-cv needs a single diagonal Gaussian site [B, D], but {task.called} has a different guide"
            )
