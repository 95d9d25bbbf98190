"""Gaussian guides by what datapoints share: `guide=amortized`, `shared` or `per-datapoint`.

Amortized, the parameters of q(z|x) are a function of x; shared, they are the same for all x; per-datapoint, each row of
the training set has its own, in a table. A row of the table is found by the last column of x, which is i/N for the
training row i of N (`indexed`): between 0 and 1, so that a network which reads x is not upset. Models read the columns
before it. There are no parameters for test data, which is therefore empty, and a test ELBO is missing.
"""

from abc import abstractmethod
from typing import ClassVar, Final, Literal, final, get_args

import torch
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal

from tasks.base import Data, Draw, Guide

GuideKind = Literal["amortized", "shared", "per-datapoint"]
Covariance = Literal["diagonal", "full"]

_BYTES: Final = 3
"""Columns of an index among stored bytes: enough for the 2^24 whole numbers that float32 has."""
_NO_TEST: Final = "a per-datapoint guide has no test ELBO"


class NormalGuide(Guide):
    """q(z|x) = N(m, T Tᵀ) at the site `z`; T is lower triangular, with the diagonal exp(`log_scale`).

    Attributes:
        log_scale: [L], or [N, L] in a table.
        factor: [L, L] or [N, L, L], whose strictly lower triangle is T's; None where T is diagonal.
    """

    log_scale: nn.Parameter
    factor: nn.Parameter | None

    @abstractmethod
    def mean(self, x: Tensor) -> Tensor:
        """Return m, [B, L]."""

    def own(self, parameter: Tensor, x: Tensor) -> Tensor:
        """Return the part of a parameter that belongs to the observations: all of it, [...], or rows, [B, ...]."""
        return parameter

    def log_scales(self, x: Tensor) -> Tensor:
        """Return the logarithm of T's diagonal, [L] or [B, L]."""
        return self.own(self.log_scale, x)

    def scale_tril(self, x: Tensor) -> Tensor:
        """Return T, [L, L] or [B, L, L]."""
        diagonal = self.log_scales(x).exp().diag_embed()
        return diagonal if self.factor is None else diagonal + self.own(self.factor, x).tril(-1)

    def forward(self, x: Tensor, draw: Draw) -> None:
        mean = self.mean(x)
        if self.factor is None:
            scale = self.log_scales(x).exp().expand_as(mean)
            draw("z", Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False))
        else:
            factor = self.scale_tril(x).expand(len(x), -1, -1)
            draw("z", MultivariateNormal(mean, scale_tril=factor, validate_args=False))


@final
class SharedNormal(NormalGuide):
    """q(z) = N(`loc`, T Tᵀ), the same for every x: the guide of a latent that all rows share, too.

    Args:
        loc: where it starts, [L].
        log_scale: of T's diagonal, at the start.
        covariance: diagonal or full.
    """

    def __init__(self, loc: Tensor, log_scale: float, covariance: Covariance = "diagonal") -> None:
        super().__init__()
        self.loc = nn.Parameter(loc)
        self.log_scale = nn.Parameter(torch.full_like(loc, log_scale))
        self.factor = nn.Parameter(loc.new_zeros(len(loc), len(loc))) if covariance == "full" else None

    def mean(self, x: Tensor) -> Tensor:
        return self.loc.expand(x.shape[0], -1)


@final
class NormalTable(NormalGuide):
    """q(z|x_i) = N(`loc`_i, T_i T_iᵀ), with parameters of its own for each of N training rows.

    Args:
        loc: where it starts, [N, L].
        log_scale: of T's diagonal, at the start.
        covariance: diagonal or full.
    """

    indexed: ClassVar[bool] = True

    def __init__(self, loc: Tensor, log_scale: float, covariance: Covariance = "diagonal") -> None:
        super().__init__()
        self.loc = nn.Parameter(loc)
        self.log_scale = nn.Parameter(torch.full_like(loc, log_scale))
        self.factor = nn.Parameter(loc.new_zeros(*loc.shape, loc.shape[1])) if covariance == "full" else None

    def own(self, parameter: Tensor, x: Tensor) -> Tensor:
        return parameter[row_index(x, len(self.loc))]

    def mean(self, x: Tensor) -> Tensor:
        return self.own(self.loc, x)


def check_kind(kind: str) -> None:
    """Raise ValueError where there is no such kind of guide."""
    if kind not in get_args(GuideKind):
        raise ValueError(f"guide must be amortized, shared or per-datapoint; it is '{kind}'")


def row_index(x: Tensor, rows: int) -> Tensor:
    """Return which of N training rows each observation is, [B], from its last column."""
    return (x[:, -1] * rows).round().long()


def indexed(data: Data) -> Data:
    """Return the training rows [N, X] with the column i/N behind them, and no test data."""
    count = len(data.train)
    index = torch.arange(count, dtype=data.train.dtype, device=data.train.device) / count
    return Data(torch.cat([data.train, index[:, None]], 1), data.test[:0], data.name, f"{data.note}; {_NO_TEST}")


def indexed_bytes(data: Data) -> Data:
    """Return training rows of bytes [N, X] with the bytes of i behind them, the least first, and no test data."""
    index = torch.arange(len(data.train), device=data.train.device)
    digits = [(index >> 8 * place & 255).to(torch.uint8) for place in range(_BYTES)]
    train = torch.cat([data.train, torch.stack(digits, 1)], 1)
    return Data(train, data.test[:0], data.name, f"{data.note}; {_NO_TEST}")


def index_column(rows: Tensor, count: int) -> Tensor:
    """Return the column i/N, [B, 1], of the last bytes of rows [B, X + 3]; N = `count`."""
    places = 256 ** torch.arange(_BYTES, device=rows.device)
    return (rows[:, -_BYTES:].long() * places).sum(1, keepdim=True) / count
