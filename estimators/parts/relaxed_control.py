"""Control variates that see a relaxed sample: what `rebar` and `relax` have in common."""

import math
from abc import abstractmethod
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call, grad

from estimators import distributions
from estimators.base import Estimate, Estimator, evaluate
from estimators.distributions import Relaxation
from estimators.draw import Draw, Trace, probe, sample_shape
from estimators.parts.relaxable import require_relaxable, require_temperature
from estimators.parts.shapes import as_events, sum_events
from tasks.base import Task


class RelaxedControl(Estimator):
    """(1/K) Σ_k {[f(b_k) − c(z̃_k)] s_k + ∇_φ[c(z_k) − c(z̃_k)]}, b = hard(z), z̃ ~ p(z|b), s = ∇_φ log q(b|x).

    E c(z̃) s + E ∇c(z̃) = ∇ E c(z), so that any c will do: a subclass says which. Its parameters, and one temperature per
    site, descend Σ ĝ² of this very sample, ĝ the gradient in the guide's logits; as E ĝ is fixed, that is the gradient
    of ĝ's variance.
    With several sites each has a control variate of its own: earlier sites are hard in it, later ones relaxed.
    On an ELBO E ∇_φ(−log q) is zero and left out; c's own dependence on θ, and on φ but through z and z̃, is detached.

    Args:
        temperature: λ, where it starts.
    """

    targets = ("expectation", "elbo")
    latents = "enumerable"

    def __init__(self, temperature: float) -> None:
        super().__init__()
        require_temperature(temperature)
        self.log_temperature = nn.Parameter(torch.full((1,), math.log(temperature)))

    @abstractmethod
    def control(self, task: Task, x: Tensor, trace: Trace, place: int) -> Tensor:
        """Return c, [K', B], at a trace whose sites from number `place` on are relaxed.

        Attached to the trace's values and to the estimator's own parameters, and to neither θ nor φ.
        """

    def prepare(self, task: Task, x: Tensor) -> None:
        sites = len(probe(task.guide, x[:1]).sites)
        self.log_temperature = nn.Parameter(self.log_temperature.detach()[:1].repeat(sites))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = _Perturbed(samples)
        run = evaluate(task, x, draw)
        f, surrogate, square = run.f.detach(), run.model_value, torch.zeros_like(run.model_value)
        for place, name in enumerate(draw.sites):
            gradient = self._gradient(task, x, draw, f, place)
            logits = distributions.relaxation(run.trace.sites[name].distribution).logits
            surrogate = surrogate + sum_events(gradient.detach() * logits)
            square = square + sum_events(gradient.square())
        return Estimate(f.mean(0), surrogate.mean(0), square.mean())

    def _gradient(self, task: Task, x: Tensor, draw: "_Perturbed", f: Tensor, place: int) -> Tensor:
        """Return ĝ, the gradient in the logits of one site for each sample, [K, B, event]."""
        at = list(draw.sites.values())[place]
        frozen = {name: value.detach() for name, value in task.guide.named_parameters()}

        def difference(logits: Tensor) -> tuple[Tensor, Tensor]:
            moved = at.relaxation.at(logits)
            pair = torch.cat([logits + at.epsilon, moved.conditional(at.hard, at.uniform)])
            relaxed = _Relaxed(draw, place, pair, self.log_temperature.exp())
            functional_call(task.guide, frozen, (x, relaxed))
            c, conditional = self.control(task, x, relaxed.trace, place).chunk(2)
            return (c - conditional).sum(), conditional

        path, conditional = grad(difference, has_aux=True)(at.relaxation.logits)
        score = at.hard - at.relaxation.probs
        return as_events(f - conditional, score) * score + path

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        require_relaxable(self, task, x)


@final
class _Site:
    """A site's hard sample, with the noise that made it and that behind z̃; detached, each [K, B, event]."""

    def __init__(self, relaxation: Relaxation) -> None:
        self.relaxation = relaxation
        self.epsilon = relaxation.epsilon(relaxation.uniform(torch.Size()))
        self.hard = relaxation.hard(relaxation.logits + self.epsilon)
        self.uniform = relaxation.uniform(torch.Size())


@final
class _Perturbed(Draw):
    """Hard samples, whose noise is kept."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.sites: dict[str, _Site] = {}

    def value(self, site: str, distribution: Distribution) -> Tensor:
        relaxation = distributions.relaxation(distribution)
        shape = sample_shape(distribution, self.samples)
        logits = relaxation.logits.detach().expand(shape + relaxation.logits.shape)
        self.sites[site] = _Site(relaxation.at(logits))
        return self.sites[site].hard


@final
class _Relaxed(Draw):
    """The samples of `draw` twice, [2K, B, event]: relaxed from site number `place` on, where z is given as `pair`."""

    def __init__(self, draw: _Perturbed, place: int, pair: Tensor, temperatures: Tensor) -> None:
        super().__init__()
        self.draw, self.place, self.pair = draw, place, pair
        self.temperatures = temperatures.expand(len(draw.sites))

    def value(self, site: str, distribution: Distribution) -> Tensor:
        known, here = self.draw.sites[site], len(self.trace.sites)
        if here < self.place:
            return torch.cat([known.hard, known.hard])
        relaxation = distributions.relaxation(distribution)
        z = self.pair
        if here > self.place:
            z = relaxation.logits + torch.cat([known.epsilon, known.epsilon])
        return relaxation.soft(z, self.temperatures[here])
