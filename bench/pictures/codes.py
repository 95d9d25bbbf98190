"""The latents at the top of a model, from which everything below follows."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution

from bench.evaluation.posterior import ROWS_AT_ONCE, Means, posterior_means
from bench.pictures import Misfit
from estimators import distributions
from estimators.draw import Detached, Draw, is_conditional, probe
from tasks.parts.image_vae import ImageVAE


@dataclass(frozen=True)
class Top:
    """The site that the prior draws first: its name, and its distributions in the prior and in the guide."""

    name: str
    prior: Distribution
    guide: Distribution

    @property
    def family(self) -> str:
        """The guide's family."""
        return distributions.family(self.guide)

    @property
    def discrete(self) -> bool:
        """Whether it takes separate values, between which there is nothing."""
        support = self.guide.support
        return support is not None and support.is_discrete


@torch.no_grad()
def top_of(task: ImageVAE, x: Tensor) -> Top:
    """Return the site at the top of a task's model; `x` is any observation, [1, pixels]."""
    draw = Detached(1)
    task.model.prior(x, draw)
    name, site = next(iter(draw.trace.sites.items()))
    return Top(name, site.distribution, probe(task.guide, x).sites[name].distribution)


def continuous_top(task: ImageVAE, x: Tensor, kind: str) -> Top:
    """Return the site at the top if it is continuous; otherwise raise `Misfit`."""
    top = top_of(task, x)
    if top.discrete:
        name = task.called
        raise Misfit(f"{kind} needs a continuous latent; '{top.name}' at the top of {name} is {top.family}")
    return top


def means_at(task: ImageVAE, x: Tensor, site: str) -> Means:
    """Return the posterior means at a site over observations [N, pixels]."""
    return posterior_means(task.guide, x.split(ROWS_AT_ONCE), [site])[site]


def codes_of(task: ImageVAE, x: Tensor, site: str) -> Tensor:
    """Return E_q[z_site|x] as the model takes it, [N, event], of observations [N, pixels]."""
    return means_at(task, x, site).values.to(x.dtype)


@torch.no_grad()
def images_at(task: ImageVAE, site: str, values: Tensor) -> Tensor:
    """Return E(x|z), [N, pixels], for `values` [N, event] at the top site and, below, the mean given what is above."""
    draw = _Below(site, values)
    task.model.prior(values.new_zeros(len(values), 1), draw)
    return task.model.mean(draw.trace.latents)[0]


@final
class _Below(Draw):
    """Given values at one site, the mean at every other."""

    def __init__(self, site: str, values: Tensor) -> None:
        super().__init__()
        self.site, self.values = site, values

    def value(self, site: str, distribution: Distribution) -> Tensor:
        if site == self.site:
            return self.values[None]
        mean = distribution.mean
        return mean if is_conditional(distribution) else mean[None]
