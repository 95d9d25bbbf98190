"""The score function with mirrored draws."""

from torch import Tensor

from varbench import Detached, Estimate, Estimator, Task, distributions, evaluate


class AntitheticScore(Estimator):
    """(1/K) Σ_k f(z_k) ∇_φ log q(z_k|x), with z_{k+K/2} the mirror image of z_k."""

    targets = ("expectation", "elbo")
    minimum_samples = 2
    formula = "(1/K) Σ_k f(z_k) ∇_φ log q(z_k|x)"
    paper = "an example"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples, distributions.Antithetic()))
        f = run.f.detach()
        return Estimate(f.mean(0), (f * run.log_q + run.log_p).mean(0))

    def evaluations(self, samples: int) -> int:
        return samples


class ForgottenSign(AntitheticScore):
    """What the example's own tests must not let through."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return Estimate(right.objective, -right.surrogate)
