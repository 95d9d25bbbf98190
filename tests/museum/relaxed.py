"""REBAR and multi-sample RELAX on binary latents: the relaxed conditional sample, and averages of products."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent

from estimators.base import Estimate, Estimator, Unfit
from estimators.draw import probe
from tasks.base import Task

_SCALE, _TEMPERATURE = 0.8, 0.5


class Rebar(Estimator):
    """[f(b) − η c(z̃)] ∇ log q(b) + η ∇[c(z) − c(z̃)], c(z) = f(σ(z/λ)), averaged over K (Tucker et al. 2017)."""

    targets = ("expectation",)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        site, logits = _logits(task, x)
        logits = logits.expand(samples, *logits.shape)
        u, v = (torch.rand(logits.shape, dtype=x.dtype, device=x.device).clamp(1e-12, 1 - 1e-12) for _ in range(2))
        z = logits + torch.logit(u)
        b = (z.detach() > 0).to(x.dtype)
        conditional = self.conditional(logits, b, v)
        f = task.model(x, {site: b})
        control = task.model(x, {site: torch.sigmoid(z / _TEMPERATURE)})
        conditional_control = task.model(x, {site: torch.sigmoid(conditional / _TEMPERATURE)})
        log_q = (b * logits - torch.nn.functional.softplus(logits)).sum(-1)
        signal = (f - _SCALE * conditional_control).detach()
        path = _SCALE * (control - conditional_control).mean(0)
        return Estimate(f.mean(0).detach(), self.average(signal, log_q) + path)

    def conditional(self, logits: Tensor, b: Tensor, v: Tensor) -> Tensor:
        """Return z̃ given b, differentiable in the logits through p as well."""
        p = torch.sigmoid(logits)
        shifted = b * (v * p + 1 - p) + (1 - b) * v * (1 - p)
        return logits + torch.logit(shifted)

    def average(self, signal: Tensor, log_q: Tensor) -> Tensor:
        """Return what is differentiated for the score-function part, [K, B] each to [B]."""
        return (signal * log_q).mean(0)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        for site, drawn in probe(task.guide, x[:1]).sites.items():
            distribution = drawn.distribution
            if not (isinstance(distribution, Independent) and isinstance(distribution.base_dist, Bernoulli)):
                raise Unfit(f"{type(self).__name__} needs binary latents; site '{site}' is not Bernoulli")


class ConditionalWithoutParameters(Rebar):
    """The relaxed conditional sample is a constant: its dependence on the parameters is dropped."""

    def conditional(self, logits: Tensor, b: Tensor, v: Tensor) -> Tensor:
        return super().conditional(logits, b, v).detach()


class ConditionalWithoutProbability(Rebar):
    """Only the dependence through p is dropped: z̃ moves with the logits, and the uniform under it does not."""

    def conditional(self, logits: Tensor, b: Tensor, v: Tensor) -> Tensor:
        return logits + (super().conditional(logits, b, v) - logits).detach()


class AveragesMultiplied(Rebar):
    """Mean signal times mean score, where the mean of their products belongs; right for K = 1."""

    def average(self, signal: Tensor, log_q: Tensor) -> Tensor:
        return signal.mean(0) * log_q.mean(0)


def _logits(task: Task, x: Tensor) -> tuple[str, Tensor]:
    """Return the name of the one site and its logits [B, D]."""
    found: dict[str, Tensor] = {}

    def draw(site: str, distribution: torch.distributions.Distribution) -> Tensor:
        assert isinstance(distribution, Independent)
        assert isinstance(distribution.base_dist, Bernoulli)
        found[site] = distribution.base_dist.logits
        return distribution.base_dist.logits[None].detach()

    task.guide(x, draw)
    ((site, logits),) = found.items()
    return site, logits
