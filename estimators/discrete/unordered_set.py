"""The unordered-set estimator: samples without replacement, averaged over the orders they could have come in."""

from typing import Final, final

from torch import Tensor

from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.distributions import Unsupported
from estimators.draw import probe
from estimators.parts.subsets import estimate_weights
from estimators.parts.without_replacement import WithoutReplacement, log_probabilities
from tasks.base import Task

_LARGEST: Final = 12


@final
class UnorderedSet(Estimator):
    """Σ_{s∈S} ∇_φ p(s) R(S, s) [f(s) − Σ_{s′∈S} p(s′) R^{D∖s}(S, s′) f(s′)], S a sample of K without replacement.

    R(S, s) = P^{D∖s}(S∖s) / P(S), and R^{D∖s}(S, s) = 1: the estimator of a single draw averaged over which element of
    S came first, with a baseline made of the whole set. D is the joint domain of all variables of the site.
    Detached: S, R and f. Requirements: one site of independent discrete variables, 2 ≤ K ≤ 12 and at most its number
    of joint values. Bias: none. Cost: K evaluations, and sums over the 2^K subsets of S.
    """

    targets = ("expectation", "elbo")
    latents = "enumerable"
    minimum_samples = 2
    formula = "Σ_{s∈S} ∇p(s) R(S,s) [f(s) − Σ_{s′∈S} p(s′) R^{D∖s}(S,s′) f(s′)]"
    paper = "Kool, van Hoof & Welling 2020"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, WithoutReplacement(samples))
        f = run.f.detach()
        weight, others = (w.to(f) for w in estimate_weights(run.log_q.detach()))
        signal = f - (others * f).sum(1)
        # ∇p = p ∇log p, and `weight` holds the p.
        return Estimate((weight * f).sum(0), (weight * (signal * run.log_q + run.model_value)).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        name, where = self.called, task.called
        sites = probe(task.guide, x[:1]).sites
        if len(sites) > 1:
            raise Unfit(f"{name} handles one site of discrete variables; {where} has {len(sites)}")
        (site,) = sites.values()
        try:
            variables, classes = log_probabilities(site.distribution).shape[1:]
        except Unsupported as reason:
            raise Unfit(f"{name} does not fit {where}: {reason}") from reason
        most = min(_LARGEST, classes**variables)
        if samples > most:
            raise Unfit(f"{name} takes at most {most} distinct samples on {where}; --samples is {samples}")
