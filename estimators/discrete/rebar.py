"""REBAR."""

from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from estimators.draw import Trace
from estimators.parts.relaxed_control import RelaxedControl
from tasks.base import Task


def relaxed_f(task: Task, x: Tensor, trace: Trace) -> Tensor:
    """Return f at the values of a trace, [K, B], attached to neither θ nor, in the density of a later site, to φ."""
    frozen = {name: value.detach() for name, value in task.model.named_parameters()}
    log_p = functional_call(task.model, frozen, (x, trace.latents))
    return log_p if task.target == "expectation" else log_p - trace.log_prob()


@final
class Rebar(RelaxedControl):
    """[f(b) − η c(z̃)] ∇_φ log q(b|x) + η ∇_φ[c(z) − c(z̃)], c(z) = f(σ(z/λ)), averaged over K samples.

    z = logits + logistic noise, b = 1[z > 0], z̃ ~ p(z|b); categorical: Gumbel noise, argmax and softmax. z̃ is
    differentiated through the probabilities too. η and λ, one of each per site, learn by the gradient of ĝ²
    (`relaxed_control`). Far from tuned, REBAR can be noisier than `reinforce`.
    Detached: θ and φ within c, but for z and z̃; nothing of c trains θ. Requirements: Bernoulli or one-hot latents, f
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

    def control(self, task: Task, x: Tensor, trace: Trace, place: int) -> Tensor:
        return self.scale.expand(len(trace.sites))[place] * relaxed_f(task, x, trace)

    def prepare(self, task: Task, x: Tensor) -> None:
        super().prepare(task, x)
        self.scale = nn.Parameter(self.scale.detach()[:1].repeat(len(self.log_temperature)))
