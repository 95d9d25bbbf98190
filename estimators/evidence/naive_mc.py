"""Naive Monte Carlo log evidence, with the prior as proposal."""

from typing import final

from torch import Tensor

from estimators.base import Bias, Estimate, Estimator, generative, log_mean_exp
from estimators.draw import Detached
from tasks.base import Task


@final
class NaiveMC(Estimator):
    """log (1/M) Σ_m p_θ(x|z_m), z_m ~ p(z); θ-gradient Σ_m w̃_m ∇_θ log p_θ(x, z_m), w̃ = softmax(log p(x|z)).

    The average is unbiased for p(x); its logarithm is not for log p(x): the bias is about −Var(w)/(2 M p(x)²), and
    Var(w) grows exponentially with the dimension of z. That is why log p(x) has no unbiased Monte Carlo gradient
    this way.
    Requirements: a prior to draw from. The guide gets no gradient. Cost: M = K evaluations.
    """

    targets = ("evidence",)
    unbiased = False
    bias_claim = Bias(vanishes=True)
    trains_guide = False
    unweighted = "it draws from the prior, so there is no divergence from a guide"
    formula = "log (1/M) Σ_m p_θ(x|z_m), z_m ~ p(z);  θ: Σ_m w̃_m ∇_θ log p_θ(x, z_m)"
    paper = "the lecture on variational auto-encoders, problems 1 and 2"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Detached(samples)
        generative(task, "naive-mc").prior(x, draw)
        log_joint = task.model(x, draw.trace.latents)
        log_likelihood = (log_joint - draw.trace.log_prob()).detach()
        return Estimate(log_mean_exp(log_likelihood), (log_likelihood.softmax(0) * log_joint).sum(0))

    def evaluations(self, samples: int) -> int:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        generative(task, "naive-mc")
