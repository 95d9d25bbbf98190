"""The estimator, to begin with a score function with the mean of the other samples as its baseline."""

from torch import Tensor

from varbench import Detached, Estimate, Estimator, Task, evaluate, mean_of_others


class MyEstimator(Estimator):
    """(1/K) Σ_k (f_k − mean of f over the others) ∇_φ log q(z_k|x).

    Detached: z and f. Requirements: K ≥ 2. Bias: none. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    minimum_samples = 2
    formula = "(1/K) Σ_k (f(z_k) − mean_{j≠k} f(z_j)) ∇_φ log q(z_k|x)"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        baseline = mean_of_others(f)  # yours comes here; it must not depend on z_k
        return Estimate(f.mean(0), ((f - baseline) * run.log_q + run.model_value).mean(0))

    def evaluations(self, samples: int) -> int:
        return samples
