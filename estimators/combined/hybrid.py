"""One policy for each kind of site: the score function for discrete ones, the pathwise gradient for continuous ones."""

from typing import Literal, final, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, Estimator, Unfit, evaluate, mean_of_others
from estimators.distributions import Unsupported
from estimators.draw import Draw, PathwiseOrDetached, Site, Trace, probe, sample_shape, states_of
from tasks.base import Task

Discrete = Literal["score", "enumerate"]


@final
class Hybrid(Estimator):
    """(1/K) Σ_k [∇f along the path of the continuous sites + (f_k − mean_{j≠k} f_j) ∇_φ log q(discrete sites)].

    A mixed task's E over the discrete d and the noise ε: f is differentiated through z = T(ε, φ, d) at fixed d, and d
    has a score function with leave-one-out baseline. With `discrete=enumerate`, it is (1/K) Σ_k ∇ Σ_d q(d) f(d, z_k).
    Detached: the values of discrete sites, and f in front of their score.
    Requirements: K ≥ 2, or any K and at most 4096 joint states of the discrete sites with `discrete=enumerate`.
    Bias: none. Cost: K evaluations; times the number of states with `discrete=enumerate`.

    Args:
        discrete: score or enumerate.
    """

    targets = ("expectation", "elbo")
    differentiates = True
    formula = "(1/K) Σ_k [∇_φ f(d_k, T(ε_k, φ, d_k)) + (f_k − mean_{j≠k} f_j) ∇_φ log q(d_k|x)]"
    paper = "Schulman, Heess, Weber & Abbeel 2015; Kool, van Hoof & Welling 2019 (baseline)"

    def __init__(self, discrete: Discrete = "score") -> None:
        super().__init__()
        if discrete not in get_args(Discrete):
            raise ValueError(f"discrete must be score or enumerate; it is '{discrete}'")
        self.discrete = discrete
        self.minimum_samples = 2 if discrete == "score" else 1

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        if self.discrete == "enumerate":
            return self._enumerated(task, x, samples)
        draw = PathwiseOrDetached(samples)
        run = evaluate(task, x, draw)
        f, score = run.f.detach(), draw.score()
        surrogate = run.f
        if score is not None:
            # On a bound f holds −log q of the discrete sites too, whose gradient has mean zero: only noise.
            direct = 0.0 if task.target == "expectation" else 1.0
            surrogate = surrogate + (f - mean_of_others(f) + direct) * score
        return Estimate(f.mean(0), surrogate.mean(0))

    def _enumerated(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = _Enumerated(states_of(_discrete_sites(task, x)), samples)
        run = evaluate(task, x, draw)
        value = (draw.mass() * run.f).sum(0) / samples
        return Estimate(value.detach(), value)

    def evaluations(self, samples: int) -> int | None:
        return samples if self.discrete == "score" else None

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        where = type(task).__name__
        for name, site in probe(task.guide, x[:1]).sites.items():
            support = site.distribution.support
            finite = support is not None and support.is_discrete
            if not finite and not distributions.reparameterizable(site.distribution):
                family = distributions.family(site.distribution)
                raise Unfit(f"Hybrid has a policy for discrete and reparameterizable sites; '{name}' is {family}")
        if self.discrete == "enumerate":
            discrete = _discrete_sites(task, x[:1])
            try:
                states_of(discrete)
            except Unsupported as reason:
                raise Unfit(f"Hybrid(discrete=enumerate) does not fit {where}: {reason}") from reason


def _discrete_sites(task: Task, x: Tensor) -> dict[str, Site]:
    sites = probe(task.guide, x).sites
    return {n: site for n, site in sites.items() if not distributions.reparameterizable(site.distribution)}


@final
class _Enumerated(Draw):
    """Every joint state of the discrete sites, each with K draws of the others: S·K values along the sample axis."""

    def __init__(self, states: dict[str, Tensor], samples: int) -> None:
        super().__init__()
        self.states = {name: value.repeat_interleave(samples, 0) for name, value in states.items()}
        self.count = samples * (len(next(iter(states.values()))) if states else 1)

    def value(self, site: str, distribution: Distribution) -> Tensor:
        if site in self.states:
            return self.states[site]
        return distributions.sample(distribution, sample_shape(distribution, self.count))

    def mass(self) -> Tensor:
        """Return q of the discrete sites' values, [S·K, B], or one."""
        discrete = {name: self.trace.sites[name] for name in self.states}
        return Trace(discrete).log_prob().exp() if discrete else torch.ones(())
