"""Neural variational inference and learning: a learned baseline."""

import math
from typing import final

import torch
from torch import Tensor, nn

from estimators.base import Bias, Estimate, evaluate
from estimators.draw import Detached
from estimators.parts.sampling import AnyDraws, Sampling
from estimators.parts.score import ScoreFunction
from tasks.base import Task


@final
class NVIL(AnyDraws, ScoreFunction):
    """(f − ⊥b_ψ(x) − ⊥c) ∇_φ log q; ψ descends (f − b_ψ(x) − c)², and c is a moving average of f over past batches.

    b is a network with one hidden layer on x, and a constant where a task observes nothing. `normalise` divides the
    signal by max(1, σ), σ² a moving average of its square: a step size for φ that adapts, and a bias.
    Detached: z, f and the baselines. Requirements: none. Bias: none, unless `normalise`. Cost: K evaluations.

    Args:
        hidden: units of b's hidden layer.
        decay: of the moving averages, in [0, 1).
        normalise: whether the signal is divided by max(1, σ).
        sampling: iid, antithetic or rqmc.
    """

    targets = ("expectation", "elbo")
    checked = ({}, {"normalise": True})
    formula = "(1/K) Σ_k (f(z_k) − b_ψ(x) − c) ∇_φ log q(z_k|x)"
    paper = "Mnih & Gregor 2014, eq. 6 to 9"

    total: Tensor
    square: Tensor
    mass: Tensor

    def __init__(
        self, hidden: int = 100, decay: float = 0.8, normalise: bool = False, sampling: Sampling = "iid"
    ) -> None:
        super().__init__(sampling)
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1; it is {hidden}")
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1); it is {decay}")
        self.hidden, self.decay, self.normalise = hidden, decay, normalise
        self.unbiased = not normalise
        # σ may be any number.
        self.bias_claim = Bias(within=math.inf)
        self.bias = nn.Parameter(torch.zeros(()))
        self.network = nn.Sequential()
        for name in ("total", "square", "mass"):
            self.register_buffer(name, torch.zeros(()))

    def prepare(self, task: Task, x: Tensor) -> None:
        inputs = x[0].numel()
        if inputs:
            output = nn.Linear(self.hidden, 1, bias=False)
            nn.init.zeros_(output.weight)
            self.network = nn.Sequential(nn.Flatten(), nn.Linear(inputs, self.hidden), nn.Tanh(), output)

    def baseline(self, x: Tensor) -> Tensor:
        """Return b_ψ(x), [B]."""
        learned = self.network(x).squeeze(-1) if len(self.network) else x.new_zeros(x.shape[0])
        return learned + self.bias

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples, self.noise()))
        f = run.f.detach()
        centred = self.centred(x, f)
        signal = centred.detach()
        if self.normalise:
            signal = signal / (self.square / self._seen()).sqrt().clamp(min=1)
        return Estimate(f.mean(0), (signal * run.log_q + run.model_value).mean(0), centred.square().mean())

    def centred(self, x: Tensor, f: Tensor) -> Tensor:
        return f - self.total / self._seen() - self.baseline(x)

    def _seen(self) -> Tensor:
        return self.mass.clamp(min=torch.finfo(self.mass.dtype).tiny)

    def evaluations(self, samples: int) -> int | None:
        return samples

    def observe(self, estimate: Estimate) -> None:
        loss = estimate.auxiliary
        assert loss is not None
        self.mass.mul_(self.decay).add_(1 - self.decay)
        self.total.mul_(self.decay).add_((1 - self.decay) * estimate.objective.detach().mean())
        self.square.mul_(self.decay).add_((1 - self.decay) * loss.detach())
