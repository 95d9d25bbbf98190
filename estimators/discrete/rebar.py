"""REBAR."""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor, nn
from torch.func import grad

from estimators.parts.relaxed_control import RelaxedControl, SampledSite, repeated
from estimators.parts.shapes import as_events
from tasks.base import Task


@final
class Rebar(RelaxedControl):
    """[f(b) − η c(z̃)] ∇_φ log q(b|x) + η ∇_φ[c(z) − c(z̃)], c(z) = f(σ(z/λ)), averaged over K samples.

    z = logits + logistic noise, b = 1[z > 0], z̃ ~ p(z|b); categorical: Gumbel noise, argmax and softmax. z̃ is
    differentiated through the probabilities too. η and λ, one of each per site, learn by the gradient of ĝ²
    (`relaxed_control`). Far from tuned, REBAR can be noisier than `reinforce`.
    Detached: θ and φ within c, except for z and z̃; nothing of c trains θ. Requirements: Bernoulli or one-hot latents, f
    differentiable in them. Bias: none. Cost: 1 + 2 evaluations per site, K times.

    Args:
        temperature: λ, where it starts.
        scale: η, where it starts.
    """

    formula = "[f(b) − η f(σ(z̃/λ))] ∇_φ log q(b|x) + η ∇_φ[f(σ(z/λ)) − f(σ(z̃/λ))]"
    paper = "Tucker, Mnih, Maddison, Lawson & Sohl-Dickstein 2017, eq. 5 to 7"

    def __init__(self, temperature: float = 0.5, scale: float = 1.0) -> None:
        super().__init__(temperature)
        self.scale = nn.Parameter(torch.full((1,), float(scale)))

    def prepare(self, task: Task, x: Tensor) -> None:
        super().prepare(task, x)
        self.scale = repeated(self.scale, len(self.log_temperature))

    def gradient(self, site: SampledSite, f: Tensor) -> Tensor:
        return score_and_path(site, f, lambda z: site.own(self.scale) * site.f(site.relaxed(z)))


def score_and_path(site: SampledSite, f: Tensor, c: Callable[[Tensor], Tensor]) -> Tensor:
    """Return [f(b) − c(z̃)] ∂ log q(b) + ∂[c(z) − c(z̃)], ∂ the derivative in a site's logits, [K, B, event].

    Its mean is the gradient of E f(b) for any c, since E c(z̃) ∂ log q(b) + E ∂c(z̃) = ∂ E c(z).
    """

    def difference(logits: Tensor) -> tuple[Tensor, Tensor]:
        z, z_given_b = site.z(logits), site.z_given_b(logits)
        # Guide and model are run once for both.
        c_z, c_z_given_b = c(torch.cat([z, z_given_b])).chunk(2)
        return (c_z - c_z_given_b).sum(), c_z_given_b

    path, c_z_given_b = grad(difference, has_aux=True)(site.logits)
    score = site.score
    return as_events(f - c_z_given_b, score) * score + path
