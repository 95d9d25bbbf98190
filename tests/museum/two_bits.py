"""Two binary latents and two binary observations: every bound is a finite sum."""

import itertools

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent

from estimators.base import evaluate
from estimators.draw import Replayed, joint_states
from tasks.base import Data, Draw, GenerativeModel, Guide, Latents, Target, Task


def _bernoulli(logits: Tensor) -> Independent:
    return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


class BitsGuide(Guide):
    """q(b|x) = Π Bernoulli(σ(x W + c))."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.5, -0.3], [0.2, 0.8]], dtype=torch.float64))
        self.bias = nn.Parameter(torch.tensor([0.4, -0.6], dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("b", _bernoulli(x @ self.weight + self.bias))


class BitsModel(GenerativeModel):
    """b ~ Π Bernoulli(σ(a)), x|b ~ Π Bernoulli(σ(b V))."""

    def __init__(self) -> None:
        super().__init__()
        self.prior_logits = nn.Parameter(torch.tensor([-0.5, 0.7], dtype=torch.float64))
        self.weight = nn.Parameter(torch.tensor([[1.5, -1.0], [-0.7, 1.2]], dtype=torch.float64))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        logits = z["b"] @ self.weight
        prior = z["b"] * self.prior_logits - nn.functional.softplus(self.prior_logits)
        return (prior + x * logits - nn.functional.softplus(logits)).sum(-1)

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("b", _bernoulli(self.prior_logits.expand(x.shape[0], -1)))


class TwoBits(Task):
    """ELBO, L_K and log p(x), by enumeration."""

    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide: BitsGuide = BitsGuide()
        self.model: BitsModel = BitsModel()

    def load(self) -> Data:
        rows = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], dtype=self.dtype)
        return Data(rows, rows, "three rows")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        states = joint_states(self.guide, x)
        log_p = self.model.log_joint(x, states)
        log_q = evaluate(self, x, Replayed(states)).log_q
        log_weight = log_p - log_q
        if target == "evidence":
            return torch.logsumexp(log_p, 0)
        if target == "elbo":
            return (log_q.exp() * log_weight).sum(0)
        if target != "iwae" or samples > 3:
            return None
        index = torch.tensor(list(itertools.product(range(len(log_q)), repeat=samples)))
        bound = torch.logsumexp(log_weight[index], 1) - torch.log(torch.tensor(float(samples)))
        return (log_q[index].sum(1).exp() * bound).sum(0)


class ScaledTwice(TwoBits):
    """A likelihood that is scaled by N/|B| once more than the exact value is."""

    def __init__(self) -> None:
        super().__init__()
        self.model: BitsModel = _ScaledModel()


class _ScaledModel(BitsModel):
    """2 · log p(x, z)."""

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return 2.0 * self.log_joint(x, z)
