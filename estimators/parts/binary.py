"""What estimators for Bernoulli latents share."""

from typing import ClassVar

from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from estimators import distributions
from estimators.base import Estimator, Unfit
from estimators.distributions.parameters import unwrapped
from estimators.draw import probe
from estimators.parts.shapes import sum_events
from tasks.base import Task


class BinaryEstimator(Estimator):
    """An estimator of gradients in the logits of Bernoulli sites.

    Attributes:
        single_site: whether it handles one site only.
    """

    latents = "enumerable"
    single_site: ClassVar[bool] = False

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        name, where = self.called, task.called
        sites = probe(task.guide, x[:1]).sites
        for site, drawn in sites.items():
            family = distributions.family(drawn.distribution)
            if family != "Bernoulli":
                raise Unfit(f"{name} needs Bernoulli latents; site '{site}' of {where} is {family}")
        if self.single_site and len(sites) > 1:
            raise Unfit(f"{name} handles one layer of latents; {where} has {len(sites)}")


def logits_of(distribution: Distribution) -> Tensor:
    """Return the logits of a Bernoulli site, [B, event] or, where it depends on another, [K, B, event]."""
    inner = unwrapped(distribution)
    assert isinstance(inner, Bernoulli)
    return inner.logits


def along_logits(slope: Tensor, logits: Tensor) -> Tensor:
    """Return Σ_event ⊥slope · logits, [K, B]: its gradient is the slope [K, B, event], carried on to φ."""
    return sum_events(slope.detach() * logits)
