"""Relaxations of discrete families: samples as functions of logits and noise, hard, softened, or given the hard one.

With ε logistic (binary) or Gumbel (categorical), z = logits + ε gives the hard sample b = 1[z > 0], or the one-hot
argmax z, and the relaxed one σ(z/λ), or softmax(z/λ) (Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import final

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, Independent, OneHotCategorical
from torch.nn.functional import softplus

from estimators.distributions.noise import IID, Noise, Unsupported


@dataclass(frozen=True)
class Relaxation(ABC):
    """A discrete family at given logits [..., event]; the last axis of a one-hot family is its classes.

    Every function is differentiable in `logits`, and none depends on how the logits are normalised.
    """

    logits: Tensor

    @property
    def probs(self) -> Tensor:
        """The mean of b."""
        return self.soft(self.logits, 1.0)

    def at(self, logits: Tensor) -> "Relaxation":
        """Return the same family at other logits."""
        return replace(self, logits=logits)

    def uniform(self, shape: Size, noise: Noise = IID) -> Tensor:
        """Return uniform noise, `shape + logits`, inside the open interval (0, 1)."""
        return _open(noise.uniform(shape + self.logits.shape, self.logits))

    @abstractmethod
    def epsilon(self, uniform: Tensor) -> Tensor:
        """Return the noise ε that is added to the logits, from uniform noise."""

    @abstractmethod
    def hard(self, z: Tensor) -> Tensor:
        """Return b, the hard sample of z, without gradient."""

    @abstractmethod
    def soft(self, z: Tensor, temperature: float | Tensor) -> Tensor:
        """Return the relaxed sample of z at temperature λ."""

    @abstractmethod
    def conditional(self, hard: Tensor, uniform: Tensor) -> Tensor:
        """Return z̃ ~ p(z | b), whose hard sample is always b, differentiable through the probabilities too."""

    @abstractmethod
    def tangent(self, probs: Tensor) -> Tensor:
        """Return a function of the logits whose Jacobian is J(p) = diag p − p pᵀ at the constant p = `probs`."""


@final
class BinaryRelaxation(Relaxation):
    """Bernoulli variables."""

    def epsilon(self, uniform: Tensor) -> Tensor:
        return uniform.log() - torch.log1p(-uniform)

    def hard(self, z: Tensor) -> Tensor:
        return (z > 0).to(z.dtype)

    def soft(self, z: Tensor, temperature: float | Tensor) -> Tensor:
        return (z / temperature).sigmoid()

    def conditional(self, hard: Tensor, uniform: Tensor) -> Tensor:
        # logits + logit(v'), v' = b (v p + 1 − p) + (1 − b) v (1 − p), without forming p: 1 − p rounds to zero.
        sign, inner = 2 * hard - 1, _open(torch.where(hard > 0, uniform, 1 - uniform))
        return sign * (softplus(sign * self.logits + inner.log()) - torch.log1p(-inner))

    def tangent(self, probs: Tensor) -> Tensor:
        probs = probs.detach()
        return probs * (1 - probs) * self.logits


@final
class OneHotRelaxation(Relaxation):
    """One-hot categorical variables."""

    def epsilon(self, uniform: Tensor) -> Tensor:
        return -(-uniform.log()).log()

    def hard(self, z: Tensor) -> Tensor:
        classes = torch.arange(z.shape[-1], device=z.device)
        return (z.argmax(-1, keepdim=True) == classes).to(z.dtype)

    def soft(self, z: Tensor, temperature: float | Tensor) -> Tensor:
        return (z / temperature).softmax(-1)

    def conditional(self, hard: Tensor, uniform: Tensor) -> Tensor:
        # z̃_b = −log(−log v_b) and z̃_i = −log(−log v_i / p_i − log v_b) = z̃_b − log(1 + log v_i / (p_i log v_b)).
        log_exponential = (-uniform.log()).log()
        top = -(hard * log_exponential).sum(-1, keepdim=True)
        below = top - softplus(log_exponential - self.logits.log_softmax(-1) + top)
        # A gap that rounding closes is opened again: the derivative there is as small as the gap.
        limits = torch.finfo(top.dtype)
        return torch.where(hard > 0, top, torch.minimum(below, top - top.abs() * limits.eps - limits.tiny))

    def tangent(self, probs: Tensor) -> Tensor:
        probs = probs.detach()
        return probs * (self.logits - (probs * self.logits).sum(-1, keepdim=True))


@singledispatch
def relaxation(distribution: Distribution) -> Relaxation:
    """Return the relaxation of a discrete family, at the distribution's logits.

    Raises:
        Unsupported: the family has none.

    >>> import torch
    >>> from torch.distributions import Bernoulli
    >>> from estimators.distributions import relaxation
    >>> relaxation(Bernoulli(logits=torch.tensor([2.0]))).soft(torch.tensor([1.0]), temperature=0.5)
    tensor([0.8808])
    """
    raise Unsupported(f"{type(distribution).__name__} has no relaxation; Bernoulli and OneHotCategorical have one")


@relaxation.register
def _(distribution: Independent) -> Relaxation:
    return relaxation(distribution.base_dist)


@relaxation.register
def _(distribution: Bernoulli) -> Relaxation:
    return BinaryRelaxation(distribution.logits)


@relaxation.register
def _(distribution: OneHotCategorical) -> Relaxation:
    return OneHotRelaxation(distribution.logits)


def _open(uniform: Tensor) -> Tensor:
    limits = torch.finfo(uniform.dtype)
    return uniform.clamp(limits.tiny, 1 - limits.eps / 2)
