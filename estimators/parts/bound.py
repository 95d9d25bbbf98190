"""Estimators whose objective is a function of K log weights, symmetric in them."""

from abc import abstractmethod

from torch import Tensor

from estimators.base import Estimate, Estimator, evaluate
from estimators.draw import PathwiseOrDetached
from estimators.parts import exact
from tasks.base import Task


class Bound(Estimator):
    """The gradient of E h(log w_1, …, log w_K), z_k ~ q_φ: h is all that a subclass says.

    Reparameterizable sites are differentiated along their paths. Others get the score function, ⊥h Σ_k ∇_φ log q(z_k)
    with the whole of h, beside ∇h at fixed z: h holds φ inside every weight, however many samples there are.
    """

    own_target = True
    differentiates = True
    total_gradient = True

    @abstractmethod
    def bound(self, log_weight: Tensor) -> Tensor:
        """Return h in nats, [K, B] to [B]."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = PathwiseOrDetached(samples)
        value = self.bound(evaluate(task, x, draw).f)
        score = draw.score()
        surrogate = value if score is None else value + value.detach() * score.sum(0)
        return Estimate(value.detach(), surrogate)

    def evaluations(self, samples: int) -> int | None:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return exact.mean(task, x, samples, self.bound)
