"""Sticking the landing and DReG: log q attached where it must be detached, and the reverse."""

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate, log_mean_exp, log_prob_detached
from estimators.draw import Detached, Reparameterized
from tasks.base import Task


class DensityAttached(Estimator):
    """STL without its detachment: still unbiased, and the variance no longer vanishes at the posterior.

    The correct twin is `stl`.
    """

    targets = ("elbo",)
    latents = "reparameterizable"
    zero_variance = "posterior"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        log_weight = evaluate(task, x, Reparameterized(samples)).f
        return Estimate(log_weight.mean(0).detach(), log_weight.mean(0))


class PathDetached(Estimator):
    """STL with the sample detached beside the density: nothing of φ is left. The correct twin is `stl`."""

    targets = ("elbo",)
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Detached(samples)
        task.guide(x, draw)
        latents = draw.trace.latents
        log_weight = task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents)
        return Estimate(log_weight.mean(0).detach(), log_weight.mean(0))


class DensityDetachedInTheBound(Estimator):
    """STL on the K-sample bound, Σ w̃ P, and called unbiased; it is for K = 1 only. The correct twin is `dreg`."""

    targets = ("iwae",)
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples)
        task.guide(x, draw)
        latents = draw.trace.latents
        bound = log_mean_exp(task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents))
        return Estimate(bound.detach(), bound)


class SquaredWeightsAttached(Estimator):
    """DReG with log q attached: Σ w̃² ∇ log w, path and direct. The correct twin is `dreg`."""

    targets = ("iwae",)
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        log_weight = evaluate(task, x, Reparameterized(samples)).f
        weight = log_weight.detach().softmax(0)
        return Estimate(log_mean_exp(log_weight.detach()), (weight**2 * log_weight).sum(0))


class SquaredWeightsForTheModel(Estimator):
    """DReG whose squared weights reach θ as well, where Σ w̃ ∇ log p belongs. The correct twin is `dreg`."""

    targets = ("iwae",)
    latents = "reparameterizable"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples)
        task.guide(x, draw)
        latents = draw.trace.latents
        log_weight = task.model(x, latents) - log_prob_detached(task, x, draw.trace, latents)
        weight = log_weight.detach().softmax(0)
        return Estimate(log_mean_exp(log_weight.detach()), (weight**2 * log_weight).sum(0))
