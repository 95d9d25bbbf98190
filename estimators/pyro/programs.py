"""A task as a Pyro model and guide, for Pyro's losses to be run on."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, final

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Size, Tensor, nn
from torch.distributions import Distribution, Independent, constraints
from torch.func import functional_call

from estimators.base import Unfit
from estimators.distributions.parameters import parameters, rebuild
from tasks.base import GenerativeModel, Task


@final
class Programs:
    """The guide and the model of a task at observations x as Pyro programs, each row in the plate `data`.

    The guide's `draw` is `pyro.sample`. Where the task has a prior the model samples each site from it, and a factor is
    log p(x|z); else it samples from improper uniforms, and the factor is log p(x, z). θ and φ are `pyro.param`s.

    Samples are Pyro's particles; where Pyro enumerates a site, its values are further samples to the task.

    Args:
        task: whose parameters are copied.
        x: observations, [B, ...].
        enumerated: whether discrete sites are marked to be summed over, where Pyro can.
    """

    def __init__(self, task: Task, x: Tensor, enumerated: bool = False) -> None:
        self.task, self.x = task, x
        self._enumerate: Any = {"enumerate": "parallel", "expand": True} if enumerated else {}
        self._whole = _Whole(task)
        self._start = {name: value.detach().clone() for name, value in task.named_parameters() if value.requires_grad}
        self._events: dict[str, Size] = {}
        self._supports: dict[str, Any] = {}

    def guide(self) -> None:
        """Draw each site as the task's guide does."""
        self._events.clear()
        drawn: dict[str, Tensor] = {}

        def draw(site: str, distribution: Distribution) -> Tensor:
            self._events[site], self._supports[site] = distribution.event_shape, distribution.support
            # Pyro cannot sum over vectors.
            single = distribution.has_enumerate_support and not isinstance(distribution, Independent)
            shaped = self._shaped(distribution, drawn)
            drawn[site] = pyro.sample(site, as_pyro(shaped), infer=self._enumerate if single else None)
            return self._flat(drawn)[site]

        values = self._parameters("guide")
        with pyro.plate("data", len(self.x), dim=-1):
            self._call(values, lambda: self.task.guide(self.x, draw))

    def model(self) -> None:
        """Draw each site, and weigh by the rest of log p(x, z)."""
        model, drawn, log_prior = self.task.model, {}, []

        def draw(site: str, distribution: Distribution) -> Tensor:
            shaped = self._shaped(distribution, drawn)
            drawn[site] = pyro.sample(site, as_pyro(shaped))
            log_prior.append(shaped.log_prob(drawn[site]))
            return self._flat(drawn)[site]

        values = self._parameters("model")
        with pyro.plate("data", len(self.x), dim=-1):
            if isinstance(model, GenerativeModel):
                self._call(values, lambda: model.prior(self.x, draw))
            else:
                for site, event in self._events.items():
                    support = self._supports[site] or constraints.real
                    while isinstance(support, constraints.independent):
                        support = support.base_constraint
                    over = constraints.independent(support, len(event) - support.event_dim)
                    drawn[site] = pyro.sample(site, _Improper(over, (), event))
            log_joint = self._call(values, lambda: self.task.model(self.x, self._flat(drawn)))
            rest = log_joint.reshape(self._batch(drawn))
            for term in log_prior:
                rest = rest - term
            pyro.factor("log_p", rest)

    def gradients(self) -> list[Tensor | None]:
        """Return what Pyro has left in the gradients of the parameters, in the order of the task's."""
        store = pyro.get_param_store()
        return [store[name].grad if name in store else None for name in self._start]

    def _parameters(self, group: str) -> dict[str, Tensor]:
        own = {name: start for name, start in self._start.items() if name.startswith(f"{group}.")}
        return {f"task.{name}": pyro.param(name, start) for name, start in own.items()}

    def _call(self, values: Mapping[str, Tensor], work: Callable[[], Any]) -> Any:
        return functional_call(self._whole, dict(values), (work,))

    def _shaped(self, distribution: Distribution, drawn: Mapping[str, Tensor]) -> Distribution:
        """Return a distribution with the batch shape that Pyro has it in."""
        batch = distribution.batch_shape
        return _reshaped(distribution, self._batch(drawn)) if len(batch) > 1 else distribution

    def _batch(self, drawn: Mapping[str, Tensor]) -> Size:
        """Return what the batch shapes of values broadcast to: enumerated sites, particles, rows."""
        shapes = [value.shape[: value.dim() - len(self._events[site])] for site, value in drawn.items()]
        return torch.broadcast_shapes(*shapes)

    def _flat(self, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return values as a task takes them, [K, B, event], K being all that Pyro has to the left of the rows."""
        batch = self._batch(drawn)
        flat = {}
        for site, value in drawn.items():
            event = self._events[site]
            expanded = value if value.shape == batch + event else value.expand(batch + event)
            flat[site] = expanded.reshape(-1, batch[-1], *event)
        return flat


@final
class _Improper(dist.ImproperUniform):
    """The improper uniform with a log density, zero, of its value's dtype; Pyro's has the default one."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).to(value.dtype)


@final
class _Whole(nn.Module):
    """A task as part of a module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def forward(self, work: Callable[[], Any]) -> Any:
        return work()


def as_pyro(distribution: Distribution) -> Any:
    """Return a distribution that `pyro.sample` takes: the same, with what Pyro's classes have beside torch's."""
    if isinstance(distribution, TorchDistributionMixin):
        return distribution
    if isinstance(distribution, Independent):
        return as_pyro(distribution.base_dist).to_event(distribution.reinterpreted_batch_ndims)
    same = copy.copy(distribution)
    same.__class__ = _pyro_class(type(distribution))
    return same


@cache
def _pyro_class(family: type[Distribution]) -> Any:
    known = getattr(dist, family.__name__, None)
    if isinstance(known, type) and issubclass(known, family):
        return known
    return type(family.__name__, (family, TorchDistributionMixin), {"__module__": family.__module__})


def _reshaped(distribution: Distribution, batch: Size) -> Distribution:
    """Return a distribution with batch shape [K, B] as one with the batch shape that its K and B come from."""
    if distribution.batch_shape == batch:
        return distribution
    values = parameters(distribution)
    lead = len(distribution.batch_shape)
    if any(value.shape[:lead] != distribution.batch_shape for value in values.values()):
        raise Unfit(f"a {type(distribution).__name__} that depends on enumerated sites cannot be given another shape")
    return rebuild(distribution, {name: v.reshape(batch + v.shape[lead:]) for name, v in values.items()})
