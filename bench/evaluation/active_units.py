"""Active units: the latent numbers that a Gaussian guide makes use of."""

from typing import Final

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from bench.machine.device import observations
from bench.machine.streams import seeded
from estimators.distributions.parameters import unwrapped
from estimators.draw import Detached, probe
from tasks.base import Task
from tasks.parts.image_vae import ImageVAE

THRESHOLD: Final = 0.01
"""Of the variance of a unit's posterior mean over the data (Burda, Grosse & Salakhutdinov 2016)."""

_SAMPLES: Final = 10
_ROWS_AT_ONCE: Final = 1000


def active_units(task: Task, rows: Tensor, seed: int) -> int | None:
    """Return how many units u of the Gaussian sites have Var_x(E_q[u|x]) > 0.01 over stored rows [N, ...].

    None where the task is no VAE on images, or no site of its guide is Gaussian. The sites are counted together.
    """
    if not isinstance(task, ImageVAE):
        return None
    with seeded(rows.device, seed, "active units"):
        moved = activity(task, rows)
    return sum(int((variance > THRESHOLD).sum()) for variance in moved.values()) if moved else None


@torch.no_grad()
def activity(task: Task, rows: Tensor) -> dict[str, Tensor]:
    """Return Var_x(E_q[u|x]) of every unit u of each Gaussian site, [units], over stored rows [N, ...].

    A site that depends on one drawn before it has E_q[u|x] estimated from 10 draws; what their noise adds to the
    variance over x is subtracted. Draws come from the global generators.
    """
    x = observations(task, rows[:1])
    gaussian = [
        name
        for name, site in probe(task.guide, x).sites.items()
        if isinstance(unwrapped(site.distribution), Normal | MultivariateNormal)
    ]
    means: dict[str, list[Tensor]] = {name: [] for name in gaussian}
    noises: dict[str, list[Tensor]] = {name: [] for name in gaussian}
    for part in rows.split(_ROWS_AT_ONCE) if gaussian else ():
        draw = Detached(_SAMPLES)
        task.guide(observations(task, part), draw)
        for name in gaussian:
            site = draw.trace.sites[name]
            mean = site.distribution.mean.double()
            means[name].append(mean.mean(0) if site.conditional else mean)
            noises[name].append(mean.var(0) / _SAMPLES if site.conditional else torch.zeros_like(mean))
    return {name: torch.cat(means[name]).var(0) - torch.cat(noises[name]).mean(0) for name in gaussian}
