"""Evolution strategies: the gradient of a smoothed target."""

from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from estimators.base import evaluate
from estimators.distributions.parameters import unwrapped
from estimators.draw import Draw, probe
from estimators.parts.perturbation import Perturbation
from tasks.base import Target, Task


@final
class EvolutionStrategies(Perturbation):
    """(1/K) Σ_k δ_k [f(u + c δ_k) − f(u − c δ_k)] / 2c · ∇_φ u, δ ~ N(0, I): mirrored pairs.

    The mean is the gradient of E_δ F(u + c δ), the target smoothed over the parameters u of the guide's distributions
    (the logarithm of those that must be positive). Both sides share their random numbers. f is a black box, except
    for θ.
    Requirements: sites whose draws follow from base noise (not Gamma's rejection). Bias: none for the smoothed target,
    O(c²) for the target itself. Cost: 2 K evaluations.

    Args:
        size: c, the standard deviation of the perturbation.
    """

    targets = ("smoothed", "expectation")
    own_target = True
    formula = "(1/K) Σ_k δ_k [f(u + cδ_k) − f(u − cδ_k)] / 2c · ∇_φ u, δ ~ N(0, I)"
    paper = "Salimans, Ho, Chen, Sidor & Sutskever 2017; Mohamed et al. 2020, section 7.1"

    def __init__(self, size: float = 0.1) -> None:
        super().__init__(size)

    def direction(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, dtype=like.dtype, device=like.device)

    def target(self, task: Task) -> Target:
        return "smoothed"

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        sites = list(probe(task.guide, x[:1]).sites.values())
        single = len(sites) == 1 and sites[0].distribution.event_shape == (1,)
        if not single or not isinstance(unwrapped(sites[0].distribution), Normal):
            return None
        draw = _Smoothed(self.size)
        f = evaluate(task, x, draw).f
        return (draw.mass.to(f)[:, None] * f).sum(0)


@final
class _Smoothed(Draw):
    """Gauss–Hermite nodes over ε and over the perturbations of μ and ln σ of one Gaussian number."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size
        grids = [np.polynomial.hermite_e.hermegauss(count) for count in (48, 12, 12)]
        nodes = np.meshgrid(*(grid[0] for grid in grids), indexing="ij")
        mass = np.prod(np.meshgrid(*(grid[1] / grid[1].sum() for grid in grids), indexing="ij"), axis=0)
        self.nodes = [torch.as_tensor(node.reshape(-1, 1, 1)) for node in nodes]
        self.mass = torch.as_tensor(mass.reshape(-1))

    def __call__(self, site: str, distribution: Distribution) -> Tensor:
        normal = unwrapped(distribution)
        assert isinstance(normal, Normal)
        _, by_loc, by_scale = (node.to(normal.loc) for node in self.nodes)
        moved = Normal(
            normal.loc + self.size * by_loc, normal.scale * (self.size * by_scale).exp(), validate_args=False
        )
        return super().__call__(site, Independent(moved, 1, validate_args=False))

    def value(self, site: str, distribution: Distribution) -> Tensor:
        normal = unwrapped(distribution)
        assert isinstance(normal, Normal)
        return normal.loc + normal.scale * self.nodes[0].to(normal.loc)
