"""How latent sites are drawn: the `draw` that an estimator hands to a guide, and what it records."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.distributions import IID, Noise, Path
from tasks.base import Guide, Latents


@dataclass(frozen=True)
class Site:
    """One latent site as it was drawn: its distribution and its value [K, B, event]."""

    distribution: Distribution
    value: Tensor

    @property
    def conditional(self) -> bool:
        """Whether the distribution depends on a site drawn before it."""
        return is_conditional(self.distribution)


@dataclass(frozen=True)
class Trace:
    """The sites of one run of a guide (or of a prior), in the order in which they were drawn."""

    sites: dict[str, Site] = field(default_factory=dict)

    @property
    def latents(self) -> dict[str, Tensor]:
        """The drawn values by site, as a model takes them."""
        return {name: site.value for name, site in self.sites.items()}

    def log_prob(self) -> Tensor:
        """Return log q(z|x) = Σ_sites log q(z_site | …) in nats, [K, B]."""
        return _total(distributions.log_prob(site.distribution, site.value) for site in self.sites.values())

    def at(self, latents: Latents) -> "Trace":
        """Return the same distributions at other values."""
        return Trace({name: Site(site.distribution, latents[name]) for name, site in self.sites.items()})

    def detached(self) -> "Trace":
        """Return the same values with distributions whose parameters carry no gradient."""
        return Trace({n: Site(distributions.detach(site.distribution), site.value) for n, site in self.sites.items()})


def _total(terms: Iterable[Tensor]) -> Tensor:
    total = None
    for term in terms:
        total = term if total is None else total + term
    if total is None:
        raise ValueError("the guide drew no latent site; it must call draw(site, distribution)")
    return total


class Draw(ABC):
    """Gives each site its value and records it in `trace`."""

    def __init__(self) -> None:
        self.trace = Trace()

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        """Return the site's value, [K, B, event]."""
        value = self.value(site, distribution)
        self.trace.sites[site] = Site(distribution, value)
        return value

    @abstractmethod
    def value(self, site: str, distribution: Distribution) -> Tensor:
        """Return a value for the site, [K, B, event]."""

    def log_prob(self) -> Tensor:
        """Return log q(z|x) in nats at the draws, [K, B], with its total derivative in φ.

        That may be all: in the draws themselves `trace.log_prob()` is to be differentiated.
        """
        return self.trace.log_prob()


@final
class Reparameterized(Draw):
    """Values that are differentiable functions of the guide's parameters."""

    def __init__(self, samples: int, noise: Noise = IID) -> None:
        super().__init__()
        self.samples, self.noise = samples, noise
        self._paths: list[Path] = []

    def value(self, site: str, distribution: Distribution) -> Tensor:
        path = distributions.path(distribution, sample_shape(distribution, self.samples), self.noise)
        self._paths.append(path)
        return path.value

    def log_prob(self) -> Tensor:
        return _total(path.log_prob() for path in self._paths)


@final
class Detached(Draw):
    """Values through which no gradient flows, for score functions and reweighting."""

    def __init__(self, samples: int, noise: Noise = IID) -> None:
        super().__init__()
        self.samples, self.noise = samples, noise

    def value(self, site: str, distribution: Distribution) -> Tensor:
        with torch.no_grad():
            return distributions.sample(distribution, sample_shape(distribution, self.samples), self.noise)


@final
class PathwiseOrDetached(Draw):
    """Reparameterized values where the family allows it, detached ones elsewhere."""

    def __init__(self, samples: int, noise: Noise = IID) -> None:
        super().__init__()
        self.samples, self.noise = samples, noise

    def value(self, site: str, distribution: Distribution) -> Tensor:
        value = distributions.sample(distribution, sample_shape(distribution, self.samples), self.noise)
        return value if distributions.reparameterizable(distribution) else value.detach()

    def score(self) -> Tensor | None:
        """Return Σ log q over the detached sites, [K, B], whose gradient is their score; None where there are none."""
        detached = {
            name: site
            for name, site in self.trace.sites.items()
            if not distributions.reparameterizable(site.distribution)
        }
        return Trace(detached).log_prob() if detached else None


@final
class Replayed(Draw):
    """Given values: the guide is run again to evaluate log q at them."""

    def __init__(self, latents: Latents) -> None:
        super().__init__()
        self.latents = latents

    def value(self, site: str, distribution: Distribution) -> Tensor:
        return self.latents[site]


@final
class _Probe(Draw):
    """One detached sample, to see which sites there are."""

    def value(self, site: str, distribution: Distribution) -> Tensor:
        with torch.no_grad():
            return distributions.sample(distribution, sample_shape(distribution, 1))


def is_conditional(distribution: Distribution) -> bool:
    """Return whether a site's distribution depends on a site drawn before it: its batch shape is [K, B], not [B].

    >>> import torch
    >>> from torch.distributions import Bernoulli
    >>> from estimators.draw import is_conditional
    >>> is_conditional(Bernoulli(torch.full((4,), 0.5))), is_conditional(Bernoulli(torch.full((5, 4), 0.5)))
    (False, True)
    """
    return len(distribution.batch_shape) > 1


def sample_shape(distribution: Distribution, samples: int) -> Size:
    """Return what a value of [B, ...] lacks to be one of [K, B, ...]: nothing where a site depends on another.

    >>> import torch
    >>> from torch.distributions import Bernoulli
    >>> from estimators.draw import sample_shape
    >>> sample_shape(Bernoulli(torch.full((4,), 0.5)), 5), sample_shape(Bernoulli(torch.full((5, 4), 0.5)), 5)
    (torch.Size([5]), torch.Size([]))
    """
    return Size(()) if is_conditional(distribution) else Size((samples,))


@torch.enable_grad()
def without_derivative(guide: Guide, x: Tensor) -> list[str]:
    """Return the sites whose density has a derivative in φ where their reparameterized draws have none.

    >>> from estimators.draw import without_derivative
    >>> from tasks.gaussian_toys import GaussianQuadratic
    >>> from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
    >>> tasks = GaussianQuadratic(), BernoulliQuadratic()
    >>> [without_derivative(task.guide, task.load().train) for task in tasks]
    [[], ['b']]
    """
    draw = Reparameterized(1)
    guide(x, draw)
    return [
        name
        for name, site in draw.trace.sites.items()
        if not site.value.requires_grad and distributions.log_prob(site.distribution, site.value).requires_grad
    ]


def probe(guide: Guide, x: Tensor) -> Trace:
    """Return a trace with one sample per site, without gradients: what latents a guide has.

    >>> from estimators.draw import probe
    >>> from tasks.gaussian_toys import GaussianQuadratic
    >>> task = GaussianQuadratic(dim=3)
    >>> {name: site.value.shape for name, site in probe(task.guide, task.load().train).sites.items()}
    {'z': torch.Size([1, 1, 3])}
    """
    draw = _Probe()
    with torch.no_grad():
        guide(x, draw)
    return draw.trace


def joint_states(guide: Guide, x: Tensor, limit: int = 4096) -> dict[str, Tensor]:
    """Return every joint state of a guide's discrete sites, each site as [S, B, event].

    Raises:
        Unsupported: a site is not discrete, or there are more than `limit` joint states.

    >>> from estimators.draw import joint_states
    >>> from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
    >>> task = BernoulliQuadratic(dim=2)
    >>> joint_states(task.guide, task.load().train)["b"][:, 0].tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    return states_of(probe(guide, x).sites, limit)


def states_of(sites: Mapping[str, Site], limit: int = 4096) -> dict[str, Tensor]:
    """Return every joint state of discrete sites, each site as [S, B, event].

    Raises:
        Unsupported: a site is not discrete, or there are more than `limit` joint states.

    >>> from estimators.draw import probe, states_of
    >>> from tasks.toys.bernoulli_quadratic import BernoulliQuadratic
    >>> task = BernoulliQuadratic(dim=3)
    >>> states_of(probe(task.guide, task.load().train).sites)["b"].shape
    torch.Size([8, 1, 3])
    """
    sizes = [distributions.support_size(site.distribution) for site in sites.values()]
    total = 1
    for size in sizes:
        total *= size
    if total > limit:
        raise distributions.Unsupported(f"the latents have {total} joint states, but at most {limit} are enumerated")
    states, repeat = {}, total
    for (name, site), size in zip(sites.items(), sizes, strict=True):
        repeat //= size
        values = distributions.support(site.distribution)
        index = torch.arange(total, device=values.device) // repeat % size
        batch = site.value.shape[1]
        states[name] = values[index][:, None].expand(total, batch, *values.shape[1:])
    return states
