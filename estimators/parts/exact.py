"""Exact values of targets that estimators define themselves, where the latents can be enumerated or integrated over."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from torch import Size, Tensor, nn
from torch.distributions import Normal
from torch.func import functional_call

from estimators.base import evaluate
from estimators.distributions import Noise, Unsupported
from estimators.distributions.parameters import unwrapped
from estimators.draw import Reparameterized, Replayed, joint_states, probe
from tasks.base import Task
from tasks.exact.enumeration import choices

_REACH: Final = 8.0
"""Where the standard normal density is cut off: its tail there is 1e-15."""

_NODES: Final = {1: 801, 2: 257, 3: 97, 4: 49}
"""Quadrature nodes per sample: their choices grow as N^K / K!."""

_CHOICES: Final = 500_000
"""At most this many choices of K states are enumerated."""

_COARSE: Final = 1e-4
"""The largest error, in nats, that the grid of twice the spacing may have; the full grid's is about its square."""


@dataclass(frozen=True)
class Population:
    """Every value that one sample of z can take: joint states of discrete latents, or nodes of a quadrature.

    Attributes:
        mass: [N, B], the probability of each.
        log_weight: [N, B], log w there, or f(z) on an `expectation` task; differentiable as `mass` is.
        latents: the values themselves, by site.
        grid: whether they are equidistant nodes, so that every second node is a grid too.
    """

    mass: Tensor
    log_weight: Tensor
    latents: dict[str, Tensor]
    grid: bool

    def halved(self) -> "Population":
        """Return the grid of twice the spacing."""
        latents = {name: value[::2] for name, value in self.latents.items()}
        return Population(self.mass[::2] / self.mass[::2].sum(0), self.log_weight[::2], latents, True)


def population(task: Task, x: Tensor, samples: int = 1) -> Population | None:
    """Return the population of z where it is discrete and small, or one Gaussian number; else None.

    Args:
        task: whose guide and model are evaluated.
        x: observations, [B, ...].
        samples: how many samples are to be averaged over jointly; it decides the number of nodes.
    """
    sites = probe(task.guide, x[:1]).sites
    if len(sites) == 1 and samples in _NODES:
        (site,) = sites.values()
        if isinstance(unwrapped(site.distribution), Normal) and site.value[0, 0].numel() == 1:
            nodes = _Nodes(_NODES[samples])
            run = evaluate(task, x, Reparameterized(nodes.count, nodes))
            return Population(nodes.mass(run.f).expand_as(run.f), run.f, run.trace.latents, True)
    try:
        states = joint_states(task.guide, x)
    except Unsupported:
        return None
    if math.comb(len(next(iter(states.values()))) + samples - 1, samples) > _CHOICES:
        return None
    run = evaluate(task, x, Replayed(states))
    return Population(run.log_q.exp(), run.f, states, False)


def mean(task: Task, x: Tensor, samples: int, value: Callable[[Tensor], Tensor]) -> Tensor | None:
    """Return E value(log w_1, …, log w_K) over K = `samples` independent draws from the guide, [B]; None where unknown.

    Args:
        task: whose guide and model are evaluated.
        x: observations, [B, ...].
        samples: K; at most 4 for a Gaussian latent.
        value: [K, B] to [B], symmetric in its samples.
    """
    found = population(task, x, samples)
    if found is None:
        return None
    fine = mean_over(found, samples, value)
    if not found.grid:
        return fine
    resolved = (fine - mean_over(found.halved(), samples, value)).abs().detach() <= _COARSE
    # A factor rather than a replacement, so that the gradient is NaN where the value is.
    return fine * torch.where(resolved, 1.0, math.nan)


def mean_over(over: Population, samples: int, value: Callable[[Tensor], Tensor]) -> Tensor:
    """Return E value(log w_1, …, log w_K) over K independent draws from a population, [B]."""
    index, multiplicity = (
        torch.as_tensor(array, device=over.mass.device) for array in choices(len(over.mass), samples)
    )
    batch = over.mass.shape[1]
    points = over.log_weight[index].reshape(samples, -1)
    mass = over.mass[index].prod(0) * multiplicity[:, None]
    return (mass * value(points).reshape(-1, batch)).sum(0)


def posterior_log_q(task: Task, x: Tensor) -> Tensor | None:
    """Return E log q_φ(z|x) over the posterior p_θ(z|x) ∝ q w, detached, in nats, [B]; None where unknown."""
    found = population(task, x)
    if found is None:
        return None
    log_posterior = found.mass.log() + found.log_weight
    draw = Replayed({name: value.detach() for name, value in found.latents.items()})
    task.guide(x, draw)
    return (log_posterior.softmax(0).detach() * draw.trace.log_prob()).sum(0)


def without_gradient(
    task: Task, group: Literal["guide", "model"], value: Callable[[Task], Tensor | None]
) -> Tensor | None:
    """Return `value(task)` with the parameters of φ (`guide`) or θ (`model`) detached."""
    frozen = {f"task.{name}": p.detach() for name, p in task.named_parameters() if name.startswith(f"{group}.")}
    return functional_call(_Call(task, value), frozen, ())


def with_gradient_of(value: Tensor | None, source: Tensor | None) -> Tensor | None:
    """Return `value`, to whose gradient that of `source` is added; None where either is unknown."""
    return None if value is None or source is None else value + (source - source.detach())


@final
class _Call(nn.Module):
    """A function of a task as a module, since `functional_call` replaces parameters of one."""

    def __init__(self, task: Task, value: Callable[[Task], Tensor | None]) -> None:
        super().__init__()
        self.task, self.value = task, value

    def forward(self) -> Tensor | None:
        return self.value(self.task)


@final
class _Nodes(Noise):
    """Equidistant values of a standard normal variable instead of random ones."""

    def __init__(self, count: int) -> None:
        self.count = count

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        raise Unsupported("quadrature nodes stand for a normal variable only")

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        nodes = torch.linspace(-_REACH, _REACH, self.count, dtype=like.dtype, device=like.device)
        return nodes.reshape(-1, *(1,) * (len(shape) - 1)).expand(shape)

    def mass(self, like: Tensor) -> Tensor:
        """Return the probability of each node, [N, 1]."""
        return (-0.5 * self.normal(Size((self.count, 1)), like) ** 2).softmax(0)
