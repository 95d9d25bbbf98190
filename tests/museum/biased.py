"""Declared biases that hide something worse, and right twins that are biased as they say."""

from torch import Tensor

from estimators.base import Bias, Estimate, evaluate
from estimators.draw import Reparameterized
from tasks.base import Task
from tests.museum.protocol import Plain


class Shrunk(Plain):
    """Half the gradient, and says that it is biased."""

    unbiased = False
    factor = 0.5

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = evaluate(task, x, Reparameterized(samples)).f.mean(0)
        return Estimate(value.detach(), self.scale(samples) * value)

    def scale(self, samples: int) -> float:
        """Return what the gradient is multiplied by."""
        return self.factor


class SignHidden(Shrunk):
    """The wrong sign behind a declared bias."""

    factor = -1.0


class FarTooLarge(Shrunk):
    """A sum over a hundred where a mean belongs."""

    factor = 100.0


class Vanishing(Shrunk):
    """1 − 1/K of the gradient, which is O(1/K)."""

    bias_claim = Bias(vanishes=True)
    minimum_samples = 2

    def scale(self, samples: int) -> float:
        return 1 - 1 / samples


class Persisting(Vanishing):
    """Half the gradient, whatever K."""

    def scale(self, samples: int) -> float:
        return 0.5


class SameAsReparam(Shrunk):
    """Declared biased for its target, with the mean of another estimator, as it is."""

    bias_claim = Bias(like="reparam")
    factor = 1.0


class NotTheSame(SameAsReparam):
    """The same, and it is not so."""

    factor = 0.8
