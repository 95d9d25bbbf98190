"""The lecture's Bayesian mixture of Gaussians, with an amortized categorical guide."""

import math
from collections.abc import Mapping
from typing import ClassVar, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from tasks.base import Data, Defaults, Draw, Guide, Latents, SimulableModel, Target, Task
from tasks.exact.enumeration import exact_bound
from tasks.parts.networks import dense, hidden_layers, one_hot

_CLUSTERS: Final = 5
_DIMENSIONS: Final = 2
_SEED: Final = 20060817


@final
class AssignmentGuide(Guide):
    """q_φ(z|x) = Categorical(softmax(network_φ(x))) over one-hot z [C]; one site, `z`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hot(self.network(x)))


@final
class BayesianMixture(SimulableModel):
    """z ~ Categorical(π), x|z = c ~ N(μ_c, Λ_c⁻¹), with log p(θ) / N beside every datapoint's log density.

    θ = (π, μ, Λ): π = softmax(`logits`) [C], μ `loc` [C, D], Λ_c = L_c L_cᵀ with L_c lower triangular, its diagonal
    exp(`log_diagonal`) [C, D] and below it `factor` [C, D, D]. Densities are those of π, μ and Λ themselves:
    π ~ Dirichlet(2, …, 2), Λ_c ~ Wishart(I / (D + 2), D + 2), μ_c|Λ_c ~ N(0, (0.05 Λ_c)⁻¹).

    Args:
        components: C.
        dimensions: D.
        n: N, the number of datapoints that share p(θ).
    """

    concentration: Final = 2.0
    relative_precision: Final = 0.05

    def __init__(self, components: int, dimensions: int, n: int) -> None:
        super().__init__()
        self.n = n
        self.freedom = dimensions + 2
        self.logits = nn.Parameter(torch.zeros(components))
        # Components that start in one place would stay alike.
        self.loc = nn.Parameter(2 * torch.randn(components, dimensions))
        self.log_diagonal = nn.Parameter(torch.zeros(components, dimensions))
        self.factor = nn.Parameter(torch.zeros(components, dimensions, dimensions))

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", one_hot(self.logits.expand(x.shape[0], -1)))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        # Linear in z: smooth at relaxed values.
        return (z["z"] * self.log_components(x)).sum(-1) + self.log_prior() / self.n

    def simulate(self, z: Latents) -> Tensor:
        component = z["z"].detach()
        noise = torch.randn((*component.shape[:-1], self.loc.shape[1]), dtype=component.dtype, device=component.device)
        root = torch.einsum("...c,cde->...de", component, self.cholesky().detach())
        offset = torch.linalg.solve_triangular(root.mT, noise[..., None], upper=True)[..., 0]
        return component @ self.loc.detach() + offset

    def cholesky(self) -> Tensor:
        """Return L with Λ_c = L_c L_cᵀ, [C, D, D]."""
        return self.factor.tril(-1) + torch.diag_embed(self.log_diagonal.exp())

    def log_components(self, x: Tensor) -> Tensor:
        """Return log π_c + log N(x; μ_c, Λ_c⁻¹), [B, C]."""
        whitened = torch.einsum("cde,bcd->bce", self.cholesky(), x[:, None] - self.loc)
        constant = self.log_diagonal.sum(-1) - 0.5 * self.loc.shape[1] * math.log(2 * math.pi)
        return self.logits.log_softmax(-1) + constant - 0.5 * whitened.square().sum(-1)

    def log_prior(self) -> Tensor:
        """Return log p(π) + Σ_c log p(Λ_c) + log p(μ_c|Λ_c) in nats (Bishop 2006, eq. 10.39 and 10.40)."""
        components, size = self.loc.shape
        root, alpha, beta, freedom = self.cholesky(), self.concentration, self.relative_precision, self.freedom
        dirichlet = math.lgamma(components * alpha) - components * math.lgamma(alpha)
        dirichlet = dirichlet + (alpha - 1) * self.logits.log_softmax(-1).sum()
        log_determinant = 2 * self.log_diagonal.sum(-1)
        # The scale matrix is I / ν: log |W| = −D log ν and tr(W⁻¹ Λ) = ν ‖L‖².
        normaliser = 0.5 * freedom * size * math.log(2 / freedom) + float(
            torch.special.multigammaln(torch.tensor(0.5 * freedom, dtype=torch.float64), size)
        )
        wishart = 0.5 * (freedom - size - 1) * log_determinant - 0.5 * freedom * root.square().sum((-2, -1))
        whitened = torch.einsum("cde,cd->ce", root, self.loc)
        normal = 0.5 * (size * math.log(beta / (2 * math.pi)) + log_determinant - beta * whitened.square().sum(-1))
        return dirichlet + (wishart - normaliser + normal).sum()


@final
class GaussianMixture(Task):
    """The lecture's Bayesian mixture: π ~ Dirichlet, Λ ~ Wishart, μ ~ Normal, z ~ Categorical(π), x ~ N(μ_z, Λ_z⁻¹).

    Only z is latent, one per datapoint; its guide is a network. The mixture's own π, μ and Λ are parameters θ, and
    training finds their posterior mode: log p(θ) / N is added to log p_θ(x, z) of each of the N training points, so
    that the mean over any minibatch estimates (log p(X, θ)) / N without bias. *Every* value of this task contains that
    term, those of test points too. With z summed out, log p(x), ELBO and L_K are exact. Data: 5 clusters in the plane,
    always the same.

    Args:
        components: C.
        hidden: units of the guide's hidden layer, tanh.
        n: N, the number of training points; there are as many test points.
    """

    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "iwae-reinforce"}
    defaults = Defaults(steps=2000, batch_size=100, model_lr=1e-2, guide_lr=1e-2, samples=2)
    checked = ({"components": 3, "hidden": 3, "n": 8},)

    def __init__(self, components: int = 5, hidden: int = 20, n: int = 1000) -> None:
        super().__init__()
        if components < 2 or min(hidden, n) < 1:
            raise ValueError(
                f"there must be at least 2 components, 1 unit and 1 datapoint; there are {components}, {hidden}, {n}"
            )
        self.n = n
        network = nn.Sequential(hidden_layers([_DIMENSIONS, hidden]), dense(hidden, components))
        self.guide: AssignmentGuide = AssignmentGuide(network)
        self.model: BayesianMixture = BayesianMixture(components, _DIMENSIONS, n)
        self.double()

    def load(self) -> Data:
        rows = torch.from_numpy(clusters(2 * self.n, _SEED))
        note = f"{self.n} points of {_CLUSTERS} clusters, generator seed {_SEED}"
        return Data(rows[: self.n], rows[self.n :], f"clusters-{self.n}", note)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        components = torch.eye(len(self.model.logits)).to(x)
        return exact_bound(self.guide, self.model, x, {"z": components}, target, samples)


def posterior_distance(q_logits: Tensor, log_joint: Tensor) -> Tensor:
    """Return ‖q(·|x) − p(·|x)‖₂ from the guide's logits and log p(x, z = c), each [B, C], as [B]."""
    return (q_logits.softmax(-1) - log_joint.softmax(-1)).norm(dim=-1)


def clusters(count: int, seed: int) -> np.ndarray:
    """Return points of five elongated clusters of unequal weight in the plane, [N, 2]."""
    generator = np.random.default_rng(seed)
    cluster = generator.choice(_CLUSTERS, count, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    angle = 2 * math.pi * cluster / _CLUSTERS
    along, across = 0.8 * generator.standard_normal(count), 0.3 * generator.standard_normal(count)
    # Each is longest at 60° to the line from the origin, so that precisions are not diagonal.
    tilt = angle + math.pi / 3
    x = 2.5 * np.cos(angle) + along * np.cos(tilt) - across * np.sin(tilt)
    return np.stack([x, 2.5 * np.sin(angle) + along * np.sin(tilt) + across * np.cos(tilt)], 1)
