"""REINFORCE with a leave-one-out baseline."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, evaluate, mean_of_others
from estimators.draw import Detached
from estimators.parts.score import ScoreFunction
from tasks.base import Task


@final
class ReinforceLOO(ScoreFunction):
    """(1/K) Σ_k (f_k − mean_{j≠k} f_j) ∇_φ log q(z_k|x).

    The baseline of a sample is the mean over the others, so it is independent of that sample. With the mean over all
    K it would be correlated: f_k − mean f = (K−1)/K · (f_k − mean_{j≠k} f_j), and K/(K−1) puts that right.
    Requirements: K ≥ 2. Bias: none. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    minimum_samples = 2
    formula = "(1/K) Σ_k (f(z_k) − mean_{j≠k} f(z_j)) ∇_φ log q(z_k|x)"
    paper = "Kool, van Hoof & Welling 2019, eq. 8"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        return Estimate(f.mean(0), (self.centred(x, f) * run.log_q + run.model_value).mean(0))

    def centred(self, x: Tensor, f: Tensor) -> Tensor:
        return f - mean_of_others(f)

    def evaluations(self, samples: int) -> int:
        return samples
