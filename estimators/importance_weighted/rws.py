"""Reweighted wake-sleep, with the wake phase for the guide."""

from typing import final

from torch import Tensor

from estimators.base import Bias, Estimate, Estimator, evaluate, log_mean_exp
from estimators.draw import Detached
from estimators.parts import exact
from tasks.base import Task


@final
class RWS(Estimator):
    """θ: Σ_k w̃_k ∇_θ log p(x, z_k). φ (wake): Σ_k w̃_k ∇_φ log q(z_k|x).

    The weights turn the guide's samples into samples of the posterior, so that φ aims at −KL(p(z|x) ‖ q), which grows
    easier with K, where the signal of L_K for φ fades.
    Detached: z and w̃. Requirements: none. Bias: O(1/K) in φ, from the weights' normalisation; none in θ for L_K.
    Cost: K evaluations.
    """

    targets = ("wake",)
    own_target = True
    unbiased = False
    bias_claim = Bias(vanishes=True)
    minimum_samples = 2
    formula = "φ: Σ_k w̃_k ∇_φ log q(z_k|x);  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Bornschein & Bengio 2015, eq. 10; Le, Kosiorek, Siddharth, Teh & Wood 2019, eq. 6"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        return Estimate(log_mean_exp(log_weight), (log_weight.softmax(0) * (run.log_q + run.model_value)).sum(0))

    def evaluations(self, samples: int) -> int | None:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return exact_wake(task, x, samples)


def exact_wake(task: Task, x: Tensor, samples: int) -> Tensor | None:
    """Return L_K with its gradient in θ, and in φ that of E log q(z|x) over the posterior, [B]."""
    bound = exact.without_gradient(task, "guide", lambda t: exact.mean(t, x, samples, log_mean_exp))
    return exact.with_gradient_of(bound, exact.posterior_log_q(task, x))
