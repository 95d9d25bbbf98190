"""What estimators that relax discrete latents ask for."""

from torch import Tensor

from estimators import distributions
from estimators.base import Estimator, Unfit
from estimators.distributions import Unsupported
from estimators.draw import probe
from tasks.base import Task


class Relaxing(Estimator):
    """An estimator for latents that can be relaxed: Bernoulli, or one-hot categorical."""

    latents = "enumerable"

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        for site, drawn in probe(task.guide, x[:1]).sites.items():
            try:
                distributions.relaxation(drawn.distribution)
            except Unsupported as reason:
                name, where = type(self).__name__, type(task).__name__
                raise Unfit(
                    f"{name} relaxes its latents, and site '{site}' of {where} does not fit: {reason}"
                ) from reason


def require_temperature(temperature: float) -> None:
    """Raise `ValueError` unless a temperature is positive."""
    if temperature <= 0:
        raise ValueError(f"temperature must be positive; it is {temperature}")
