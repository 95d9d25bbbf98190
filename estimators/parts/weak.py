"""Transformations whose noise still depends on φ, a little: what `generalized-reparam` and `rsvi` have in common."""

from abc import abstractmethod
from typing import final

import torch
from torch import Tensor
from torch.distributions import Beta, Dirichlet, Distribution, Gamma, Normal

from estimators import distributions
from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.distributions.parameters import unwrapped
from estimators.draw import Draw, probe, sample_shape
from tasks.base import Task


class WeaklyReparameterized(Estimator):
    """E_{q_ε(ε; φ)} [∇_φ f(T(ε, φ)) + f ∇_φ log q_ε(ε; φ)], log q_ε = log q(T(ε, φ)) + log |∂_ε T|.

    A subclass says what T is for a Gamma variable of rate one. Dirichlet and Beta variables are ratios of those, and a
    Gaussian's noise does not depend on φ at all, so that the second term vanishes.
    """

    latents = "reparameterizable"
    total_gradient = True

    @abstractmethod
    def transform(self, concentration: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = T(⊥ε, α) with z ~ Gamma(α, 1), and log q_ε(⊥ε; α), both attached to α = `concentration`."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = _Draw(samples, self)
        f = evaluate(task, x, draw).f
        surrogate = f if draw.log_noise is None else f + f.detach() * draw.log_noise
        return Estimate(f.mean(0).detach(), surrogate.mean(0))

    def evaluations(self, samples: int) -> int | None:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        for site, drawn in probe(task.guide, x[:1]).sites.items():
            if not isinstance(unwrapped(drawn.distribution), Normal | Gamma | Beta | Dirichlet):
                family = distributions.family(drawn.distribution)
                raise Unfit(
                    f"{self.called} knows Normal, Gamma, Beta and Dirichlet latents; site '{site}' of"
                    f" {task.called} is {family}"
                )


@final
class _Draw(Draw):
    """Values T(ε, φ), with Σ log q_ε over the sites, [K, B], in `log_noise`."""

    def __init__(self, samples: int, by: WeaklyReparameterized) -> None:
        super().__init__()
        self.samples, self.by = samples, by
        self.log_noise: Tensor | None = None

    def value(self, site: str, distribution: Distribution) -> Tensor:
        shape = sample_shape(distribution, self.samples)
        inner = unwrapped(distribution)
        if isinstance(inner, Normal):
            return distributions.sample(inner, shape)
        if isinstance(inner, Gamma):
            return self._gamma(inner.concentration.expand(inner._extended_shape(shape))) / inner.rate
        if isinstance(inner, Beta):
            first, second = (
                self._gamma(part.expand(inner._extended_shape(shape)))
                for part in (inner.concentration1, inner.concentration0)
            )
            return first / (first + second)
        assert isinstance(inner, Dirichlet)
        gammas = self._gamma(inner.concentration.expand(inner._extended_shape(shape)))
        return gammas / gammas.sum(-1, keepdim=True)

    def _gamma(self, concentration: Tensor) -> Tensor:
        value, log_noise = self.by.transform(concentration)
        log_noise = log_noise.reshape(*log_noise.shape[:2], -1).sum(-1)
        self.log_noise = log_noise if self.log_noise is None else self.log_noise + log_noise
        return value


def log_gamma_density(value: Tensor, concentration: Tensor) -> Tensor:
    """Return log Gamma(value; concentration, 1) in nats."""
    return (concentration - 1) * value.log() - value - torch.lgamma(concentration)


def draw_gamma(concentration: Tensor) -> Tensor:
    """Return a draw of Gamma(concentration, 1) without gradient, above zero."""
    with torch.no_grad():
        unit = Gamma(concentration, torch.ones_like(concentration), validate_args=False)
        return distributions.sample(unit, torch.Size(()))
