"""The networks that guides and models are made of. Weights come from torch's global generator."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
)


def dense(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer with uniform Glorot weights and zero biases (Glorot & Bengio 2010, eq. 16)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def hidden_layers(sizes: list[int], activation: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    """Return dense layers of the given sizes, inputs first, each followed by its activation."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [dense(inputs, outputs), activation()]
    return nn.Sequential(*layers)


class DiagonalNormal(nn.Module):
    """Features [..., inputs] to N(loc, diag scale²) over an event [size], as Burda et al. (2016) parameterise it.

    The scale is the exponential of a linear layer and is not clamped: a clamp has no gradient beyond its bound, so that
    a diverging run would look like a converged one.
    """

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        # Both outputs from one matrix product; each half of the weights is a Glorot layer of its own.
        self.loc_and_log_scale = dense(inputs, 2 * size)
        for half in self.loc_and_log_scale.weight.chunk(2):
            nn.init.xavier_uniform_(half)

    def forward(self, features: Tensor) -> Independent:
        loc, log_scale = self.loc_and_log_scale(features).chunk(2, -1)
        return diagonal_normal(loc, log_scale.exp())


class FullNormal(nn.Module):
    """Features [..., inputs] to N(loc, L Lᵀ) over an event [size], L lower triangular with a positive diagonal.

    Loc and the logarithm of L's diagonal are those of a `DiagonalNormal`. What is below the diagonal is linear in the
    features and starts at zero, so that training starts at a diagonal covariance.
    """

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.diagonal = DiagonalNormal(inputs, size)
        self.below = nn.Linear(inputs, size * (size - 1) // 2)
        nn.init.zeros_(self.below.weight)
        nn.init.zeros_(self.below.bias)
        # Place 0 holds a zero, place 1 + m the m-th number below the diagonal.
        row, column = torch.tril_indices(size, size, -1)
        places = torch.zeros(size, size, dtype=torch.long)
        places[row, column] = 1 + torch.arange(len(row))
        self.places: Tensor
        self.register_buffer("places", places, persistent=False)

    def forward(self, features: Tensor) -> MultivariateNormal:
        normal = self.diagonal(features)
        below = torch.nn.functional.pad(self.below(features), (1, 0))
        factor = below[..., self.places] + torch.diag_embed(normal.stddev)
        return MultivariateNormal(normal.mean, scale_tril=factor, validate_args=False)


class Positive(nn.Module):
    """Features [..., inputs] to `count` positive vectors, each [..., size]: the softplus of a linear layer, plus 0.1.

    A Gamma or Dirichlet of a concentration below 0.1 puts draws where float32 has no numbers left.
    """

    def __init__(self, inputs: int, size: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.linear = dense(inputs, count * size)
        for part in self.linear.weight.chunk(count):
            nn.init.xavier_uniform_(part)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        return (nn.functional.softplus(self.linear(features)) + 0.1).chunk(self.count, -1)


def diagonal_normal(loc: Tensor, scale: Tensor) -> Independent:
    """Return N(loc, diag scale²) with the last axis as event; both parameters have the same shape.

    Not validated: `vmap` allows no branch on values.
    """
    # Made as `Normal.expand` makes one: the constructor broadcasts, which takes 2% of a training step of a VAE.
    normal = Normal.__new__(Normal)
    normal.loc, normal.scale = loc, scale
    Distribution.__init__(normal, loc.shape, validate_args=False)
    return Independent(normal, 1, validate_args=False)


def bernoulli(logits: Tensor) -> Independent:
    """Return independent Bernoulli variables with the last axis as event. Not validated, as `diagonal_normal`."""
    return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


def one_hot(logits: Tensor) -> OneHotCategorical:
    """Return a one-hot variable over the last axis. Not validated, as `diagonal_normal`."""
    # The constructor makes a categorical variable that is validated whatever it is told, and a GPU waits for that.
    variable = OneHotCategorical.__new__(OneHotCategorical)
    variable._categorical = Categorical(logits=logits, validate_args=False)
    Distribution.__init__(variable, logits.shape[:-1], logits.shape[-1:], validate_args=False)
    return variable


def one_hots(logits: Tensor) -> Independent:
    """Return independent one-hot variables, logits [..., L, C], with the last two axes as event. Not validated."""
    return Independent(one_hot(logits), 1, validate_args=False)


def bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """Return Σ_pixels log Bernoulli(x | logits) in nats: x [B, pixels] and logits [K, B, pixels] to [K, B].

    At grey levels x in (0, 1) it is the negative cross entropy. Of the [K, B, pixels] arrays only `logits` is kept for
    the backward pass; binary_cross_entropy_with_logits keeps several.
    """
    return (x * logits).sum(-1) - torch.nn.functional.softplus(logits).sum(-1)
