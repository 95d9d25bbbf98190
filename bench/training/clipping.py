"""Gradient clipping: a gradient of φ and θ whose norm is above a bound is scaled down to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

_SMALL: Final = 1e-6
"""What `torch.nn.utils.clip_grad_norm_` adds to a norm before it divides by it."""


@dataclass(frozen=True)
class Clipping:
    """How the gradient of one step is clipped; tensors, so that no GPU is waited for: scalars, or [S] for seeds.

    Attributes:
        norms: of the gradient as it was estimated, by parameter group.
        above: whether the norm of all of it was above the bound.
        scale: what the gradient is multiplied by.
    """

    norms: dict[str, Tensor]
    above: Tensor
    scale: Tensor

    def of(self, part: Tensor) -> Tensor:
        """Return the factor of one part of the gradient, whose seeds, if any, are its first axis."""
        return self.scale.reshape(-1, *(1,) * (part.dim() - 1)) if self.scale.dim() else self.scale


@torch.no_grad()
def clipping(groups: Mapping[str, Sequence[Tensor]], bound: float, seeds: bool = False) -> Clipping | None:
    """Return what scales a gradient to a norm of at most `bound`, as `torch.nn.utils.clip_grad_norm_` does.

    Args:
        groups: the parts of the gradient by parameter group, all that move at this step; others are not clipped.
        bound: of the norm of all of them together.
        seeds: whether each part has a leading axis of seeds, [S, ...], each of which has a norm of its own.

    Returns:
        None where nothing moves.
    """
    norms = {name: norm_of(parts, seeds) for name, parts in groups.items() if parts}
    if not norms:
        return None
    whole = torch.stack([*norms.values()]).norm(dim=0)
    return Clipping(norms, whole > bound, (bound / (whole + _SMALL)).clamp(max=1.0))


def told(bound: float, shares: Sequence[float]) -> str:
    """Return what a reader should know of gradients that were clipped, given the share of steps of each training."""
    low, high = (f"{100 * end:.0f}%" if end >= 0.01 else "less than 1%" for end in (min(shares), max(shares)))
    span = low if low == high else f"{low} to {high}"
    return f"gradients were clipped to a norm of {bound:g} in {span} of the training steps, and are biased there"


def norm_of(parts: Sequence[Tensor], seeds: bool = False) -> Tensor:
    """Return the norm of a gradient, given in parts: a scalar, or [S] where each part has a leading axis of seeds."""
    if not seeds:
        return torch.nn.utils.get_total_norm(parts)
    return torch.stack([part.reshape(len(part), -1).norm(dim=1) for part in parts]).norm(dim=0)
