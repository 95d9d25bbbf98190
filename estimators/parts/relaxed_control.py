"""What control variates that see a relaxed sample need around their formula: several sites, and what is learned."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, Estimator, evaluate, integrand, without_parameters
from estimators.distributions import Relaxation
from estimators.draw import Draw, Trace, probe, sample_shape
from estimators.parts.shapes import sum_events
from estimators.parts.temperature import require_temperature
from tasks.base import Task


class RelaxedControl(Estimator):
    """(1/K) Σ_k Σ_sites ĝ_k · ∇_φ logits: a subclass says what ĝ, its gradient in the logits of one site, is.

    Its parameters, and one temperature λ per site, descend Σ ĝ² of this very sample; as E ĝ is fixed, that is the
    gradient of ĝ's variance.
    With several sites each has a control variate of its own: earlier sites are hard in it, later ones relaxed.
    On an ELBO E ∇_φ(−log q) is zero and left out.

    Args:
        temperature: λ, where it starts.
    """

    targets = ("expectation", "elbo")
    latents = "relaxable"

    def __init__(self, temperature: float) -> None:
        super().__init__()
        require_temperature(temperature)
        self.log_temperature = nn.Parameter(torch.full((1,), math.log(temperature)))

    @abstractmethod
    def gradient(self, site: "SampledSite", f: Tensor) -> Tensor:
        """Return ĝ for each sample, [K, B, event], given f at the hard samples, [K, B].

        Attached to the estimator's own parameters, and to neither θ nor φ.
        """

    def prepare(self, task: Task, x: Tensor) -> None:
        self.log_temperature = repeated(self.log_temperature, len(probe(task.guide, x[:1]).sites))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = _HardSamples(samples)
        run = evaluate(task, x, draw)
        f, surrogate, square = run.f.detach(), run.model_value, torch.zeros_like(run.model_value)
        for place, name in enumerate(draw.noise):
            gradient = self.gradient(SampledSite(task, x, draw.noise, place, self.log_temperature.exp()), f)
            logits = distributions.relaxation(run.trace.sites[name].distribution).logits
            surrogate = surrogate + sum_events(gradient.detach() * logits)
            square = square + sum_events(gradient.square())
        return Estimate(f.mean(0), surrogate.mean(0), square.mean())


def repeated(parameter: nn.Parameter, sites: int) -> nn.Parameter:
    """Return a parameter with an entry for each site, all with the value that `parameter` starts from."""
    return nn.Parameter(parameter.detach()[:1].repeat(sites))


@dataclass(frozen=True)
class _Noise:
    """The noise of one site and the hard sample that it made; detached, each [K, B, event].

    Attributes:
        relaxation: the family at the site's logits.
        epsilon: ε, with b = hard(logits + ε).
        hard: b.
        uniform: v, from which z̃ is made given b.
    """

    relaxation: Relaxation
    epsilon: Tensor
    hard: Tensor
    uniform: Tensor


@final
@dataclass(frozen=True)
class SampledSite:
    """One site of a run of hard samples: b and the relaxed z and z̃ as functions of its logits, and f at relaxed values.

    Attributes:
        task: whose guide and model were run.
        x: the observations, [B, ...].
        noise: of every site, in their order.
        place: the number of this site.
        temperatures: λ of every site, or one for all.
    """

    task: Task
    x: Tensor
    noise: dict[str, _Noise]
    place: int
    temperatures: Tensor

    @property
    def logits(self) -> Tensor:
        """The logits, detached, [K, B, event]."""
        return self._own.relaxation.logits

    @property
    def hard(self) -> Tensor:
        """The hard sample b."""
        return self._own.hard

    @property
    def score(self) -> Tensor:
        """∂ log q(b) in the logits."""
        return self._own.hard - self._own.relaxation.probs

    def z(self, logits: Tensor) -> Tensor:
        """Return z = logits + ε, whose hard sample is b."""
        return logits + self._own.epsilon

    def z_given_b(self, logits: Tensor) -> Tensor:
        """Return z̃ ~ p(z|b), attached to the logits through the probabilities too."""
        return self._own.relaxation.at(logits).conditional(self._own.hard, self._own.uniform)

    def own(self, parameter: Tensor) -> Tensor:
        """Return this site's entry of a parameter that has one for each site, or one for all."""
        return parameter.expand(len(self.noise))[self.place]

    def relaxed(self, z: Tensor) -> Trace:
        """Return the guide's run with this site at the relaxed value of z, [n K, B, event], and later ones relaxed too.

        Earlier sites are hard. Attached to z and the temperatures, and not to φ.
        """
        draw = _Relaxed(self, z)
        without_parameters(self.task.guide, self.x, draw)
        return draw.trace

    def f(self, trace: Trace) -> Tensor:
        """Return f at the values of a relaxed run, [n K, B], attached to them, and to neither θ nor φ."""
        value = without_parameters(self.task.model, self.x, trace.latents)
        return integrand(self.task, value, trace.log_prob)

    @property
    def _own(self) -> _Noise:
        return list(self.noise.values())[self.place]


@final
class _HardSamples(Draw):
    """Hard samples, whose noise is kept."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.noise: dict[str, _Noise] = {}

    def value(self, site: str, distribution: Distribution) -> Tensor:
        relaxation = distributions.relaxation(distribution)
        shape = sample_shape(distribution, self.samples)
        relaxation = relaxation.at(relaxation.logits.detach().expand(shape + relaxation.logits.shape))
        epsilon = relaxation.epsilon(relaxation.uniform(Size()))
        hard = relaxation.hard(relaxation.logits + epsilon)
        self.noise[site] = _Noise(relaxation, epsilon, hard, relaxation.uniform(Size()))
        return hard


@final
class _Relaxed(Draw):
    """A run of hard samples again, n times over: relaxed from one site on, whose z is given."""

    def __init__(self, start: SampledSite, z: Tensor) -> None:
        super().__init__()
        self.start, self.z = start, z
        self.temperatures = start.temperatures.expand(len(start.noise))

    def value(self, site: str, distribution: Distribution) -> Tensor:
        known, here = self.start.noise[site], len(self.trace.sites)
        repeats = len(self.z) // len(known.hard)
        if here < self.start.place:
            return torch.cat([known.hard] * repeats)
        relaxation = distributions.relaxation(distribution)
        z = self.z if here == self.start.place else relaxation.logits + torch.cat([known.epsilon] * repeats)
        return relaxation.soft(z, self.temperatures[here])
