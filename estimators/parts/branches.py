"""Bernoulli latents with alternatives: each site's bits again, changed, with everything behind them drawn anew."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution

from estimators.draw import Draw, is_conditional, sample_shape
from estimators.parts.binary import logits_of


@dataclass(frozen=True)
class Alternatives:
    """Other values of one site's bits, given the sites before it.

    Attributes:
        bits: [M, K, B, event].
        weight: [M, K, B, event]; the gradient in the logits is the mean of Σ_m (f(b) − f(b̃_m)) weight_m.
    """

    bits: Tensor
    weight: Tensor


Propose = Callable[[Tensor, Tensor, Tensor], Alternatives]
"""`propose(logits, uniform, bits)`, detached, [K, B, event] each, but [B, event] where a site depends on no other."""


@final
class Branches(Draw):
    """K draws b = 1[u < σ(logits)] of every site, and after them, for each site, M branches of these K.

    A branch shares the values of the sites before its own, has an alternative for its own, and new draws behind it, if
    those depend on it. All lie on the sample axis, so that guide and model are run once.

    Args:
        samples: K.
        branches: M by site, in the order of the sites.
        propose: gives the alternatives.
    """

    def __init__(self, samples: int, branches: Mapping[str, int], propose: Propose) -> None:
        super().__init__()
        self.samples, self.branches, self.propose = samples, branches, propose
        self.weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def value(self, site: str, distribution: Distribution) -> Tensor:
        logits = logits_of(distribution).detach()
        conditional = is_conditional(distribution)
        own = logits[: self.samples] if conditional else logits
        shape = sample_shape(distribution, self.samples) + own.shape
        uniform = torch.rand(shape, dtype=own.dtype, device=own.device)
        bits = (uniform < own.sigmoid()).to(own.dtype)
        alternatives = self.propose(own, uniform, bits)
        self.weights[site] = alternatives.weight
        parts, behind = [bits], True
        for other, count in self.branches.items():
            if other == site:
                parts.append(alternatives.bits.flatten(0, 1))
                behind = False
            elif behind and conditional:
                probs = logits[self.rows(other)].sigmoid()
                parts.append((torch.rand_like(probs) < probs).to(probs.dtype))
            else:
                parts.append(bits.repeat(count, *(1,) * (bits.dim() - 1)))
        return torch.cat(parts)

    def rows(self, site: str) -> slice:
        """Return where the branches at a site lie on the sample axis."""
        start = self.samples
        for name, count in self.branches.items():
            if name == site:
                return slice(start, start + count * self.samples)
            start += count * self.samples
        raise KeyError(site)

    def split(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the latents of the K draws, and those of all branches."""
        latents, samples = self.trace.latents, self.samples
        return {n: z[:samples] for n, z in latents.items()}, {n: z[samples:] for n, z in latents.items()}

    def alternatives(self, site: str, f: Tensor) -> Tensor:
        """Return those of the values f [rows, B] that belong to the branches at a site, [M, K, B]."""
        return f[self.rows(site)].unflatten(0, (-1, self.samples))

    def logits(self, site: str) -> Tensor:
        """Return the logits of a site's K draws, with their gradient."""
        logits = logits_of(self.trace.sites[site].distribution)
        return logits[: self.samples] if self.trace.sites[site].conditional else logits
