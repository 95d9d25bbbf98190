"""The score-function estimator, REINFORCE."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, evaluate
from estimators.draw import Detached
from estimators.parts.sampling import AnyDraws
from estimators.parts.score import ScoreFunction
from tasks.base import Task


@final
class Reinforce(AnyDraws, ScoreFunction):
    """∇_φ E_q f = E_q[f(z) ∇_φ log q_φ(z|x)] + E_q ∇_φ f.

    Detached: z and f. On an ELBO, E ∇_φ(−log q) = 0 and is left out, as in Ranganath et al. (2014, eq. 2).
    Requirements: none; z may be discrete and f need not be differentiable in z.
    Bias: none. Cost: K evaluations.
    """

    targets = ("expectation", "elbo")
    checked = ({}, {"sampling": "rqmc"})
    formula = "(1/K) Σ_k f(z_k) ∇_φ log q(z_k|x)"
    paper = "Williams 1992; Ranganath, Gerrish & Blei 2014, eq. 2"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples, self.noise()))
        f = run.f.detach()
        return Estimate(f.mean(0), (f * run.log_q + run.model_value).mean(0))

    def centred(self, x: Tensor, f: Tensor) -> Tensor:
        return f

    def evaluations(self, samples: int) -> int:
        return samples
