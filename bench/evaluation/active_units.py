"""Active units: the latent numbers that a Gaussian guide makes use of."""

import sys
from typing import Final

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from bench.evaluation.posterior import ROWS_AT_ONCE, posterior_means
from bench.machine.device import observations
from bench.machine.streams import seeded
from estimators.distributions.parameters import unwrapped
from estimators.draw import probe
from tasks.base import Task

THRESHOLD: Final = 0.01
"""Of the variance of a unit's posterior mean over the data (Burda, Grosse & Salakhutdinov 2016)."""


def active_units(task: Task, rows: Tensor, seed: int) -> int | None:
    """Return how many units u of the Gaussian sites have Var_x(E_q[u|x]) > 0.01 over stored rows [N, ...].

    None where the task is no VAE on images, or no site of its guide is Gaussian. The sites are counted together.
    """
    if not _is_image_vae(task):
        return None
    with seeded(rows.device, seed, "active units"):
        moved = activity(task, rows)
    return sum(int((variance > THRESHOLD).sum()) for variance in moved.values()) if moved else None


def _is_image_vae(task: Task) -> bool:
    # Nobody else imports for this question what images are read by: without the module there is none of its tasks.
    module = sys.modules.get("tasks.parts.image_vae")
    return module is not None and isinstance(task, module.ImageVAE)


@torch.no_grad()
def activity(task: Task, rows: Tensor) -> dict[str, Tensor]:
    """Return Var_x(E_q[u|x]) of every unit u of each Gaussian site, [units], over stored rows [N, ...].

    Draws come from the global generators.
    """
    x = observations(task, rows[:1])
    gaussian = [
        name
        for name, site in probe(task.guide, x).sites.items()
        if isinstance(unwrapped(site.distribution), Normal | MultivariateNormal)
    ]
    parts = (observations(task, part) for part in rows.split(ROWS_AT_ONCE)) if gaussian else ()
    return {name: means.activity for name, means in posterior_means(task.guide, parts, gaussian).items()}
