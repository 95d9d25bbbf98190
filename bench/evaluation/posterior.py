"""Posterior means of a guide's sites over data, and how much they move."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from estimators.draw import Detached
from tasks.base import Guide

ROWS_AT_ONCE: Final = 1000

_SAMPLES: Final = 10


@dataclass(frozen=True)
class Means:
    """E_q[u|x] of the latent numbers u of one site, in float64.

    At a site that depends on one drawn before it they are means over 10 draws of that one.

    Attributes:
        values: [N, event].
        noise: the variance that those draws add to each of the values, [N, event]; zero at other sites.
    """

    values: Tensor
    noise: Tensor

    @property
    def activity(self) -> Tensor:
        """Var_x(E_q[u|x]) of every u, [event]; what the noise of draws adds to the variance over x is taken off."""
        return self.values.var(0) - self.noise.mean(0)


@torch.no_grad()
def posterior_means(guide: Guide, parts: Iterable[Tensor], sites: Sequence[str]) -> dict[str, Means]:
    """Return the posterior means at some sites over observations, given in parts [B, ...].

    Draws come from the global generators.
    """
    values: dict[str, list[Tensor]] = {name: [] for name in sites}
    noise: dict[str, list[Tensor]] = {name: [] for name in sites}
    for x in parts:
        draw = Detached(_SAMPLES)
        guide(x, draw)
        for name in sites:
            site = draw.trace.sites[name]
            mean = site.distribution.mean.double()
            values[name].append(mean.mean(0) if site.conditional else mean)
            noise[name].append(mean.var(0) / _SAMPLES if site.conditional else torch.zeros_like(mean))
    return {name: Means(torch.cat(values[name]), torch.cat(noise[name])) for name in sites}
