"""Score functions that differ in their baseline."""

from abc import abstractmethod

from torch import Tensor

from estimators.base import Estimator


class ScoreFunction(Estimator):
    """(1/K) Σ_k (f_k − baseline) ∇_φ log q(z_k|x): a subclass says what the baseline is."""

    @abstractmethod
    def centred(self, x: Tensor, f: Tensor) -> Tensor:
        """Return f less its baseline, for f [K, …, B] at K independent draws, detached; [B, ...] are the observations.

        Attached to nothing but the estimator's own parameters.
        """
