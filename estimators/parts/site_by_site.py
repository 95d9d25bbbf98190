"""A policy for each latent site: how it is drawn, on how many branches, and what stands in front of its score."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from torch import Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.distributions import IID
from estimators.draw import Draw, Site, Trace, is_conditional, sample_shape, states_of
from estimators.parts.binary import logits_of
from estimators.parts.branches import Alternatives, Propose
from estimators.parts.shapes import as_events, sum_events

Policy = Literal[
    "reinforce", "reinforce-loo", "reinforce-ema", "nvil", "disarm", "reparam", "gumbel-softmax", "enumerate"
]

SCORES: Final[tuple[Policy, ...]] = ("reinforce", "reinforce-loo", "reinforce-ema", "nvil")
PATHS: Final[tuple[Policy, ...]] = ("reparam", "gumbel-softmax")
FORKS: Final[tuple[Policy, ...]] = ("enumerate", "disarm")
"""What gives a site several values beside each other, each with all that follows."""


@dataclass(frozen=True)
class Scored:
    """The sites of one score function that have the same forks before them, of which there are A branches.

    Attributes:
        policy: the score function's name.
        log_q: Σ_sites log q, [K, A, B].
        cost: f, summed over the branches of every fork behind, each with its mass; detached, [K, A, B].
        mass: the mass of the branches before, detached, [K, A, B].
    """

    policy: Policy
    log_q: Tensor
    cost: Tensor
    mass: Tensor


@final
class SiteBySite(Draw):
    """K samples for each branch of the sites that fork: S·K rows along the sample axis, the samples fastest.

    An enumerated site forks into its states, whose mass is their probability; a pair of opposite bits (`disarm`) has
    mass ½ each. What is in front of a score, or the difference within a pair, has to be all that follows from the draw:
    with such policies sites are drawn once for all branches of the forks behind them. Otherwise every row has draws of
    its own.

    Args:
        samples: K.
        policy: of a site, given its name and distribution.
        sites: all that the guide has, where some may fork; else none need be known.
        temperature: of relaxed samples.
        pair: gives the opposite bits, with their weights.

    Raises:
        Unsupported: an enumerated site has no finite support, or too many states.
    """

    def __init__(
        self,
        samples: int,
        policy: Callable[[str, Distribution], Policy],
        sites: Mapping[str, Site],
        temperature: float,
        pair: Propose,
    ) -> None:
        super().__init__()
        self.samples, self.policy, self.temperature, self.pair = samples, policy, temperature, pair
        policies = {name: policy(name, site.distribution) for name, site in sites.items()}
        self._forks = [name for name in sites if policies[name] in FORKS]
        self._states = {n: states_of({n: sites[n]})[n] for n in self._forks if policies[n] == "enumerate"}
        self._sizes = [len(self._states[name]) if name in self._states else 2 for name in self._forks]
        self.rows = samples * math.prod(self._sizes)
        self._shares = bool(self._forks) and any(p in SCORES or p == "disarm" for p in policies.values())
        self._policies: dict[str, Policy] = {}
        self._forks_before: dict[str, int] = {}
        self._pairs: dict[str, Alternatives] = {}

    def value(self, site: str, distribution: Distribution) -> Tensor:
        self._policies[site] = policy = self.policy(site, distribution)
        self._forks_before[site] = forks = sum(name in self.trace.sites for name in self._forks)
        before, behind, samples = self._axes(forks)
        if policy == "enumerate":
            states = self._states[site]
            each = states.repeat_interleave(behind // len(states) * samples, 0)
            return each.repeat(before, *(1,) * (each.dim() - 1))
        if policy == "disarm":
            return self._pair(site, distribution)
        value = self._drawn(policy, distribution)
        if not self._shares:
            return value
        apart = value.unflatten(0, (before, behind, samples))
        return apart[:, :1].expand(apart.shape).flatten(0, 2)

    def _drawn(self, policy: Policy, distribution: Distribution) -> Tensor:
        shape = sample_shape(distribution, self.rows)
        if policy == "gumbel-softmax":
            relaxation = distributions.relaxation(distribution)
            uniform = relaxation.uniform(shape, IID)
            return relaxation.soft(relaxation.logits + relaxation.epsilon(uniform), self.temperature)
        value = distributions.sample(distribution, shape)
        return value if policy == "reparam" else value.detach()

    def _pair(self, site: str, distribution: Distribution) -> Tensor:
        """Return bits and their opposite, one after the other, and keep the weights of their difference."""
        before, behind, samples = self._axes(self._forks_before[site])
        logits = self._logits(site, distribution).detach()
        uniform = torch.rand(before, samples, *logits.shape[2:], dtype=logits.dtype, device=logits.device)
        bits = (uniform < logits.sigmoid()).to(logits.dtype)
        self._pairs[site] = other = self.pair(logits, uniform, bits)
        both = torch.stack([bits, other.bits[0]], 1)[:, :, None]
        return both.expand(-1, -1, behind // 2, *both.shape[3:]).flatten(0, 3)

    def _logits(self, site: str, distribution: Distribution) -> Tensor:
        """Return the logits of each branch before a site, [A, K, B, event], or [1, 1, B, event]."""
        logits = logits_of(distribution)
        if not is_conditional(distribution):
            return logits[None, None]
        return logits.unflatten(0, self._axes(self._forks_before[site]))[:, 0]

    def _axes(self, forks: int) -> tuple[int, int, int]:
        """Return how many branches the rows have of the first `forks` sites that fork and of those behind, and K."""
        before = math.prod(self._sizes[:forks])
        return before, self.rows // (before * self.samples), self.samples

    def mass(self, f: Tensor) -> Tensor:
        """Return the mass of each row's branches, like f, [S·K, B]."""
        return self._mass(self._forks, f)

    def _mass(self, forks: list[str], f: Tensor) -> Tensor:
        summed = {name: self.trace.sites[name] for name in forks if name in self._states}
        mass = Trace(summed).log_prob().exp() if summed else torch.ones_like(f)
        return mass * 0.5 ** (len(forks) - len(summed))

    def _cost(self, forks: int, f: Tensor) -> Tensor:
        """Return f, summed over the branches of all but the first forks, [A, K, B]."""
        axes = self._axes(forks)
        return (self._mass(self._forks[forks:], f).detach() * f).unflatten(0, axes).sum(1)

    def _mass_before(self, forks: int, f: Tensor) -> Tensor:
        """Return the mass of the branches of the first forks, [A, K, B]."""
        return self._mass(self._forks[:forks], f).detach().unflatten(0, self._axes(forks))[:, 0]

    def scored(self, f: Tensor) -> Iterator[Scored]:
        """Yield the sites with a score function, given f at every row, detached, [S·K, B]."""
        groups: dict[tuple[Policy, int], list[str]] = {}
        for name, policy in self._policies.items():
            if policy in SCORES:
                groups.setdefault((policy, self._forks_before[name]), []).append(name)
        for (policy, forks), sites in groups.items():
            log_q = Trace({name: self.trace.sites[name] for name in sites}).log_prob()
            log_q = log_q.unflatten(0, self._axes(forks))[:, 0]
            terms = log_q, self._cost(forks, f), self._mass_before(forks, f)
            yield Scored(policy, *(term.transpose(0, 1) for term in terms))

    def paired(self, f: Tensor) -> Iterator[Tensor]:
        """Yield, of each pair of opposite bits, what has the pair's gradient, [K, B]; f as in `scored`."""
        for name, other in self._pairs.items():
            forks = self._forks_before[name]
            first, second = self._cost(forks + 1, f).unflatten(0, (-1, 2)).unbind(1)
            difference = self._mass_before(forks, f) * (first - second)
            weight = other.weight[0]
            slope = as_events(difference, weight) * weight
            logits = self._logits(name, self.trace.sites[name].distribution)
            yield sum_events((slope * logits).flatten(0, 1)).unflatten(0, (-1, self.samples)).sum(0)

    def log_q_of_pairs(self) -> Tensor | None:
        """Return log q of all opposite bits, [S·K, B]; None where there are none."""
        return Trace({name: self.trace.sites[name] for name in self._pairs}).log_prob() if self._pairs else None
