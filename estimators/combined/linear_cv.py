"""A linear control variate around any estimator."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, vmap

import estimators
from estimators.base import Estimate, Estimator, Unfit
from estimators.draw import Detached, PathwiseOrDetached, Reparameterized, Replayed, Trace
from estimators.parts.site_by_site import SiteBySite
from tasks.base import Target, Task


@final
class LinearCV(Estimator):
    """g − a h: g is another estimator, h = (1/K) Σ_k ∇_φ log q(z_k|x) at its own draws, whose mean is zero.

    a = E[g·h]/E[h·h], one for each parameter tensor of the guide, from independent pilot estimates, so it does not
    depend on the draws it is used with. Around `reparam` on an ELBO, a = −1 is `stl`.
    Detached: a and h. Requirements: the inner estimator's, and that its samples come from the guide's distributions.
    Bias: the inner estimator's. Cost: 1 + `pilot` times the inner estimator.

    Args:
        estimator: the inner estimator's name, with its default parameters.
        pilot: number of estimates from which a is computed, at least 2.
    """

    targets = ("expectation", "elbo", "iwae")
    checked = ({}, {"estimator": "reinforce"})
    formula = "g − a h, h = (1/K) Σ_k ∇_φ log q(z_k|x), a = E[g·h] / E[h·h]"
    paper = "Ranganath, Gerrish & Blei 2014, section 3.2; Geffner & Domke 2018"

    def __init__(self, estimator: str = "reparam", pilot: int = 20) -> None:
        super().__init__()
        if pilot < 2:
            raise ValueError(f"pilot must be at least 2; it is {pilot}")
        self.inner, self.pilot = _build(estimator), pilot
        for name in (
            "targets",
            "unbiased",
            "bias_claim",
            "own_target",
            "objective",
            "latents",
            "minimum_samples",
            "trains_guide",
            "total_gradient",
            "unweighted",
        ):
            setattr(self, name, getattr(self.inner, name))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        parameters = dict(task.guide.named_parameters())
        fixed = {name: value.detach() for name, value in parameters.items()}
        slopes = self._slopes(task, x, samples, fixed)
        estimate, trace = _traced(self.inner, task, x, samples)
        values = {name: value.detach() for name, value in trace.latents.items()}
        control = grad(lambda at: _mean_log_prob(task, x, values, at))(fixed)
        correction = torch.stack([(slopes[n] * control[n].detach() * parameters[n]).sum() for n in parameters]).sum()
        return Estimate(estimate.objective, estimate.surrogate - correction, estimate.auxiliary)

    def _slopes(self, task: Task, x: Tensor, samples: int, fixed: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a for each parameter tensor of the guide, a scalar each."""
        pair = _Pair(task, self.inner)

        def both(at: dict[str, Tensor]) -> Tensor:
            return functional_call(pair, {f"task.guide.{name}": value for name, value in at.items()}, (x, samples))

        def once(_: Tensor) -> dict[str, Tensor]:
            return jacrev(both)(fixed)

        found = vmap(once, randomness="different")(torch.empty(self.pilot, device=x.device))
        slopes = {}
        for name, both_gradients in found.items():
            g, h = (
                both_gradients.detach().flatten(2).unbind(1) if both_gradients.dim() > 2 else both_gradients.unbind(1)
            )
            size = h.square().sum().clamp(min=torch.finfo(h.dtype).tiny)
            slopes[name] = ((g - g.mean(0)) * h).sum().detach() / size.detach()
        return slopes

    def evaluations(self, samples: int) -> int | None:
        inner = self.inner.evaluations(samples)
        return None if inner is None else (1 + self.pilot) * inner

    def prepare(self, task: Task, x: Tensor) -> None:
        self.inner.prepare(task, x)

    def target(self, task: Task) -> Target:
        return self.inner.target(task)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return self.inner.exact(task, x, samples)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        self.inner.require(task, x, samples)
        try:
            self._slopes(task, x[:1], samples, {n: value.detach() for n, value in task.guide.named_parameters()})
        except (RuntimeError, NotImplementedError) as reason:
            raise Unfit(f"linear-cv draws all pilot estimates at once, which {self.inner.called} cannot do") from reason


def _build(name: str) -> Estimator:
    """Return one of our estimators by name, with its default parameters."""
    name = estimators.ALIASES.get(name, name)
    if name not in estimators.INDEX or name == "linear-cv":
        raise ValueError(f"estimator must name one of this suite's other estimators (`bench list`); it is '{name}'")
    module, _, attribute = estimators.INDEX[name][0].partition(":")
    return getattr(importlib.import_module(module), attribute)()


@final
class _Pair(nn.Module):
    """The mean surrogate and the mean log q at the same draws, [2], as functions of the task's parameters."""

    def __init__(self, task: Task, inner: Estimator) -> None:
        super().__init__()
        self.task, self.inner = task, inner

    def forward(self, x: Tensor, samples: int) -> Tensor:
        estimate, trace = _traced(self.inner, self.task, x, samples)
        values = {name: value.detach() for name, value in trace.latents.items()}
        return torch.stack([estimate.surrogate.mean(), _mean_log_prob(self.task, x, values, {})])


def _mean_log_prob(task: Task, x: Tensor, values: dict[str, Tensor], parameters: dict[str, Tensor]) -> Tensor:
    draw = Replayed(values)
    functional_call(task.guide, parameters, (x, draw))
    return draw.trace.log_prob().mean()


def _traced(inner: Estimator, task: Task, x: Tensor, samples: int) -> tuple[Estimate, Trace]:
    """Return the inner estimate with the guide's draws that it was made from."""
    with _recording(task) as traces:
        estimate = inner(task, x, samples)
    if not traces:
        raise Unfit(f"linear-cv needs samples of the guide's distributions, but {inner.called} takes others")
    return estimate, traces[0]


@contextmanager
def _recording(task: Task) -> Iterator[list[Trace]]:
    """Collect the traces of the guide's runs that draw from its distributions."""
    traces: list[Trace] = []

    def record(_module: nn.Module, arguments: tuple[Any, ...], _output: None) -> None:
        if isinstance(arguments[1], Detached | Reparameterized | PathwiseOrDetached | SiteBySite):
            traces.append(arguments[1].trace)

    handle = task.guide.register_forward_hook(record)
    try:
        yield traces
    finally:
        handle.remove()
