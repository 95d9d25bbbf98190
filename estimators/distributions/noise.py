"""Base noise: where the randomness of draws comes from."""

from abc import ABC, abstractmethod

import torch
from torch import Size, Tensor


class Unsupported(ValueError):
    """A family lacks an operation that an estimator needs; the message names both."""


class Noise(ABC):
    """A source of base noise. The first axis of `shape` is the axis of the K samples."""

    @abstractmethod
    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        """Return U(0, 1) noise of `shape` with the dtype and device of `like`."""

    @abstractmethod
    def normal(self, shape: Size, like: Tensor) -> Tensor:
        """Return N(0, 1) noise of `shape` with the dtype and device of `like`."""


class Independently(Noise):
    """Independent draws: plain Monte Carlo."""

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        return torch.rand(shape, dtype=like.dtype, device=like.device)

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        return torch.randn(shape, dtype=like.dtype, device=like.device)


class Antithetic(Noise):
    """Mirrored pairs along the sample axis: ε with −ε, u with 1 − u. An odd last sample has no partner."""

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        half = torch.rand(_halved(shape), dtype=like.dtype, device=like.device)
        return torch.cat([half, 1 - half])[: shape[0]]

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        half = torch.randn(_halved(shape), dtype=like.dtype, device=like.device)
        return torch.cat([half, -half])[: shape[0]]


def refuse_unless_independent(noise: Noise, name: str) -> None:
    """Raise `Unsupported` for noise that a draw by rejection cannot be made from."""
    if not isinstance(noise, Independently):
        raise Unsupported(
            f"{name} is drawn by rejection, which does not work with mirrored or quasi-random noise; use iid draws"
        )


def _halved(shape: Size) -> Size:
    return Size(((shape[0] + 1) // 2, *shape[1:]))


IID = Independently()
