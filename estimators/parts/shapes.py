"""Between one number per sample, [K, B], and values that have event axes behind those two."""

from torch import Tensor


def as_events(weight: Tensor, like: Tensor) -> Tensor:
    """Give a [K, B] weight trailing axes, so that it multiplies values [K, B, event]."""
    return weight.reshape(weight.shape + (1,) * (like.dim() - weight.dim()))


def flat_events(value: Tensor) -> Tensor:
    """Put the event axes into one, which a scalar event gets: [K, B, event] to [K, B, D]."""
    return value.flatten(2) if value.dim() > 2 else value[..., None]


def sum_events(value: Tensor) -> Tensor:
    """Sum over the event axes: [K, B, event] to [K, B]."""
    return value.flatten(2).sum(2) if value.dim() > 2 else value
