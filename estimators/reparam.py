"""The pathwise estimator (reparameterization trick)."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import Reparameterized
from tasks.base import Task


@final
class Reparam(Estimator):
    """∇_φ E_q f = E_ε[∇_z f(z) ∇_φ T(ε, φ) + ∇_φ f], z = T(ε, φ).

    Detached: nothing; on an ELBO the density's own dependence on φ is kept.
    Requirements: every latent site reparameterizable (explicitly, or implicitly as Gamma is), f differentiable in z.
    Bias: none. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    latents = "reparameterizable"
    formula = "(1/K) Σ_k ∇_φ f(T(ε_k, φ))"
    paper = "Kingma & Welling 2014, eq. 7; Rezende, Mohamed & Wierstra 2014; Figurnov et al. 2018 (implicit)"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        f = evaluate(task, x, Reparameterized(samples)).f
        return Estimate(f.mean(0).detach(), f.mean(0))
