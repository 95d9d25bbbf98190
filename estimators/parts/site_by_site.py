"""A policy for each latent site: how it is drawn, and what stands in front of its score."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from torch import Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.distributions import IID
from estimators.draw import Draw, Site, Trace, sample_shape, states_of

Policy = Literal["reinforce", "reinforce-loo", "reinforce-ema", "nvil", "reparam", "gumbel-softmax", "enumerate"]

SCORES: Final[tuple[Policy, ...]] = ("reinforce", "reinforce-loo", "reinforce-ema", "nvil")
PATHS: Final[tuple[Policy, ...]] = ("reparam", "gumbel-softmax")


@dataclass(frozen=True)
class Scored:
    """The sites of one score function that have the same sums before them, of which there are A terms.

    Attributes:
        policy: the score function's name.
        log_q: Σ_sites log q, [K, A, B].
        cost: f, summed over the states of every enumerated site behind, each with its probability; detached, [K, A, B].
        mass: the probability of the states before, detached, [K, A, B].
    """

    policy: Policy
    log_q: Tensor
    cost: Tensor
    mass: Tensor


@final
class SiteBySite(Draw):
    """K samples for each joint state of the enumerated sites: S·K rows along the sample axis, the samples fastest.

    A score has to be multiplied by all that follows from its draw. So with a score function among the policies, sites
    are drawn once for all states of the enumerated sites behind them; otherwise every row has draws of its own.

    Args:
        samples: K.
        policy: of a site, given its name and distribution.
        sites: all that the guide has, where some may be enumerated; else none need be known.
        temperature: of relaxed samples.

    Raises:
        Unsupported: an enumerated site has no finite support, or they have too many joint states.
    """

    def __init__(
        self, samples: int, policy: Callable[[str, Distribution], Policy], sites: Mapping[str, Site], temperature: float
    ) -> None:
        super().__init__()
        self.samples, self.policy, self.temperature = samples, policy, temperature
        policies = {name: policy(name, site.distribution) for name, site in sites.items()}
        summed = {name: site for name, site in sites.items() if policies[name] == "enumerate"}
        states = states_of(summed)
        self.rows = samples * max(map(len, states.values()), default=1)
        self._states = {name: value.repeat_interleave(samples, 0) for name, value in states.items()}
        self._sizes = [distributions.support_size(site.distribution) for site in summed.values()]
        self._shares = bool(summed) and any(policy in SCORES for policy in policies.values())
        self._policies: dict[str, Policy] = {}
        self._sums_before: dict[str, int] = {}

    def value(self, site: str, distribution: Distribution) -> Tensor:
        if site in self._states:
            return self._states[site]
        self._policies[site] = self.policy(site, distribution)
        self._sums_before[site] = sums = len(self._states.keys() & self.trace.sites.keys())
        value = self._drawn(self._policies[site], distribution)
        if not self._shares:
            return value
        apart = value.unflatten(0, self._axes(sums))
        return apart[:, :1].expand(apart.shape).flatten(0, 2)

    def _drawn(self, policy: Policy, distribution: Distribution) -> Tensor:
        shape = sample_shape(distribution, self.rows)
        if policy == "gumbel-softmax":
            relaxation = distributions.relaxation(distribution)
            uniform = relaxation.uniform(shape, IID)
            return relaxation.soft(relaxation.logits + relaxation.epsilon(uniform), self.temperature)
        value = distributions.sample(distribution, shape)
        return value if policy == "reparam" else value.detach()

    def _axes(self, sums: int) -> tuple[int, int, int]:
        """Return how many states the rows have of the first `sums` enumerated sites and of those behind, and K."""
        before = math.prod(self._sizes[:sums])
        return before, self.rows // (before * self.samples), self.samples

    def mass(self, f: Tensor) -> Tensor:
        """Return q of the enumerated sites' states, like f, [S·K, B]."""
        return self._mass(list(self._states), f)

    def _mass(self, sites: list[str], f: Tensor) -> Tensor:
        return Trace({name: self.trace.sites[name] for name in sites}).log_prob().exp() if sites else torch.ones_like(f)

    def scored(self, f: Tensor) -> Iterator[Scored]:
        """Yield the sites with a score function, given f at every row, [S·K, B]."""
        f, summed = f.detach(), list(self._states)
        groups: dict[tuple[Policy, int], list[str]] = {}
        for name, sums in self._sums_before.items():
            if self._policies[name] in SCORES:
                groups.setdefault((self._policies[name], sums), []).append(name)
        for (policy, sums), sites in groups.items():
            axes = self._axes(sums)
            behind = self._mass(summed[sums:], f).detach()
            before = self._mass(summed[:sums], f).detach()
            log_q = Trace({name: self.trace.sites[name] for name in sites}).log_prob()
            yield Scored(
                policy,
                log_q.unflatten(0, axes)[:, 0].transpose(0, 1),
                (behind * f).unflatten(0, axes).sum(1).transpose(0, 1),
                before.unflatten(0, axes)[:, 0].transpose(0, 1),
            )
