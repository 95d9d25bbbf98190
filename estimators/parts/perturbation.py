"""Finite differences in the guide's distribution parameters, with common random numbers on both sides."""

from abc import abstractmethod
from collections.abc import Callable
from typing import final

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.distributions import IID, Noise, Unsupported
from estimators.distributions.parameters import rebuild_unconstrained, unconstrained
from estimators.draw import Draw, Replayed, sample_shape
from estimators.parts.shapes import as_events, sum_events
from tasks.base import Task


class Perturbation(Estimator):
    """(1/K) Σ_k δ_k [f(u + c δ_k) − f(u − c δ_k)] / 2c · ∇_φ u, u the parameters of the guide's distributions.

    u is unconstrained: the logarithm of a scale. Every sample and datapoint has a direction δ of its own, and f(u ± cδ)
    is f at a draw from the perturbed distribution, both from the same base noise. θ gets ∇_θ f at those two draws.

    Args:
        size: c, the size of the perturbation.
    """

    def __init__(self, size: float) -> None:
        super().__init__()
        if size <= 0:
            raise ValueError(f"size must be positive; it is {size}")
        self.size = size

    @abstractmethod
    def direction(self, like: Tensor) -> Tensor:
        """Return δ, in the shape of `like`, with mean zero and unit covariance."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        noise, directions = _Common(), {}
        plus = evaluate(task, x, _Perturbed(samples, noise, directions, self, self.size))
        minus = evaluate(task, x, _Perturbed(samples, noise.again(), directions, self, -self.size))
        centre = _Perturbed(samples, noise.again(), directions, self, 0.0)
        task.guide(x, centre)
        difference = ((plus.f - minus.f) / (2 * self.size)).detach()
        surrogate = (plus.model_value + minus.model_value) / 2
        # A site's parameters may depend on earlier draws; those draws are constants here.
        replay = Replayed(centre.trace.latents)
        task.guide(x, replay)
        for site, drawn in replay.trace.sites.items():
            for name, value in unconstrained(drawn.distribution).items():
                direction = directions[site][name]
                surrogate = surrogate + sum_events(as_events(difference, direction) * direction * value)
        return Estimate((plus.f + minus.f).detach().mean(0) / 2, surrogate.mean(0))

    def evaluations(self, samples: int) -> int | None:
        return 2 * samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        try:
            with torch.no_grad():
                task.guide(x[:1], _Perturbed(1, _Common(), {}, self, self.size))
        except Unsupported as reason:
            name = self.called
            raise Unfit(f"{name} needs the same noise on both sides of {task.called}: {reason}") from reason


@final
class _Perturbed(Draw):
    """Detached draws from the guide's distributions with their parameters moved along the directions."""

    def __init__(
        self, samples: int, noise: Noise, directions: dict[str, dict[str, Tensor]], by: Perturbation, size: float
    ) -> None:
        super().__init__()
        self.samples, self.noise, self.directions, self.by, self.size = samples, noise, directions, by, size

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        return super().__call__(site, self._moved(site, distribution))

    def value(self, site: str, distribution: Distribution) -> Tensor:
        return distributions.sample(distribution, Size(()), self.noise).detach()

    def _moved(self, site: str, distribution: Distribution) -> Distribution:
        extra = sample_shape(distribution, self.samples)
        values = {n: value.detach().expand(extra + value.shape) for n, value in unconstrained(distribution).items()}
        if site not in self.directions:
            self.directions[site] = {name: self.by.direction(value) for name, value in values.items()}
        moved = {name: value + self.size * self.directions[site][name] for name, value in values.items()}
        return rebuild_unconstrained(distribution, moved)


@final
class _Common(Noise):
    """Independent noise that can be drawn again: what it gave first, it gives in the same order afterwards."""

    def __init__(self, drawn: list[Tensor] | None = None) -> None:
        self._drawn: list[Tensor] = [] if drawn is None else drawn
        self._next = 0

    def again(self) -> "_Common":
        """Return the same noise from its beginning."""
        return _Common(self._drawn)

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        return self._draw(IID.uniform, shape, like)

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        return self._draw(IID.normal, shape, like)

    def _draw(self, fresh: Callable[[Size, Tensor], Tensor], shape: Size, like: Tensor) -> Tensor:
        if self._next == len(self._drawn):
            self._drawn.append(fresh(shape, like))
        self._next += 1
        return self._drawn[self._next - 1]
