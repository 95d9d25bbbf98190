"""Estimators that compare f at a draw of binary latents with f at changed bits."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from estimators.base import Estimate, integrand
from estimators.draw import probe
from estimators.parts.binary import BinaryEstimator, along_logits
from estimators.parts.branches import Alternatives, Branches
from estimators.parts.shapes import as_events
from tasks.base import Task


class PairedDifference(BinaryEstimator):
    """(1/K) Σ_k Σ_m (f(b_k) − f(b̃_{k,m})) weight_{k,m} in the logits of each site; a subclass says what b̃ is.

    A site with others behind it, the layers of a sigmoid belief network, is treated like a single one: b̃ shares what
    was drawn before, and what lies behind is drawn anew for it. f is then an unbiased estimate of its mean given b̃.

    Attributes:
        from_guide: whether b̃ has the distribution of b, so that E f and θ's gradient are averaged over both.
    """

    targets = ("expectation", "elbo")
    from_guide: ClassVar[bool] = True

    @abstractmethod
    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        """Return the b̃ of one site and their weights; see `estimators.parts.branches.Propose`."""

    def branches(self, bits: int) -> int:
        """Return how many b̃ there are for a site with so many bits."""
        return 1

    def branch(self, task: Task, x: Tensor, samples: int) -> Branches:
        """Run the guide with K = `samples` draws and their alternatives."""
        sites = probe(task.guide, x[:1]).sites
        draw = Branches(
            samples, {name: self.branches(site.value.numel()) for name, site in sites.items()}, self.propose
        )
        task.guide(x, draw)
        return draw

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = self.branch(task, x, samples)
        if self.from_guide:
            value = graded = task.model(x, draw.trace.latents)
        else:
            drawn, others = draw.split()
            graded = task.model(x, drawn)
            with torch.no_grad():
                value = torch.cat([graded, task.model(x, others)])
        f = integrand(task, value, draw.trace.log_prob).detach()
        surrogate = graded.mean(0)
        for name, weight in draw.weights.items():
            difference = f[:samples] - draw.alternatives(name, f)
            slope = (as_events(difference, weight) * weight).sum(0)
            surrogate = surrogate + along_logits(slope, draw.logits(name)).mean(0)
        return Estimate(f[: len(graded)].mean(0), surrogate)
