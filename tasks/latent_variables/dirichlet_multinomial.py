"""Counts with Dirichlet proportions: a conjugate model for guides over the simplex."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet

from tasks.base import Data, Defaults, Draw, Guide, Latents, SimulableModel, Target, Task, is_elbo
from tasks.parts.sizes import at_least

_SEED = 20180501


@final
class DirichletGuide(Guide):
    """q(z|x) = Dirichlet(exp(`log_offset`) + exp(`log_slope`) x): the offset is [C], the slope a scalar.

    The posterior has the prior's concentration as offset and a slope of one; the slope starts at one half.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.log_offset = nn.Parameter(torch.zeros(classes, dtype=torch.float64))
        self.log_slope = nn.Parameter(torch.full((), -math.log(2), dtype=torch.float64))

    def concentration(self, x: Tensor) -> Tensor:
        """Return the concentration, [B, C]."""
        return self.log_offset.exp() + self.log_slope.exp() * x

    def forward(self, x: Tensor, draw: Draw) -> None:
        draw("z", Dirichlet(self.concentration(x), validate_args=False))


@final
class MultinomialModel(SimulableModel):
    """z ~ Dirichlet(α), x ~ Multinomial(N, z), with log α as `log_concentration` [C]; hence z|x ~ Dirichlet(α + x)."""

    def __init__(self, concentration: Tensor, trials: int) -> None:
        super().__init__()
        self.trials = trials
        self.log_concentration = nn.Parameter(concentration.log())

    def value(self, x: Tensor, log_z: Tensor) -> Tensor:
        """Return log p(x, z), which is linear in log z [..., C]: given its mean, the mean."""
        concentration = self.log_concentration.exp()
        prior = torch.lgamma(concentration.sum()) - torch.lgamma(concentration).sum()
        return prior + log_multinomial(x) + ((concentration + x - 1) * log_z).sum(-1)

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.value(x, z["z"].log())

    def prior(self, x: Tensor, draw: Draw) -> None:
        draw("z", Dirichlet(self.log_concentration.exp().expand_as(x), validate_args=False))

    def simulate(self, z: Latents) -> Tensor:
        proportions = z["z"].detach()
        uniform = torch.rand(
            (*proportions.shape[:-1], self.trials, 1), dtype=proportions.dtype, device=proportions.device
        )
        # The last edge is left out: rounding may put it below one.
        drawn = (uniform > proportions.cumsum(-1)[..., None, :-1]).sum(-1, keepdim=True)
        return (drawn == torch.arange(proportions.shape[-1], device=proportions.device)).to(proportions.dtype).sum(-2)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, [B], Dirichlet-multinomial."""
        concentration = self.log_concentration.exp()
        posterior = concentration + x
        ratio = (torch.lgamma(posterior) - torch.lgamma(concentration)).sum(-1)
        return log_multinomial(x) + ratio + torch.lgamma(concentration.sum()) - torch.lgamma(posterior.sum(-1))


def log_multinomial(x: Tensor) -> Tensor:
    """Return log (N! / Π_c x_c!) for counts x [B, C], [B]."""
    return torch.lgamma(x.sum(-1) + 1) - torch.lgamma(x + 1).sum(-1)


def proportional_counts(classes: int, trials: int, n: int) -> Data:
    """Return `n` training and `n` test rows of `trials` counts each, with proportions z ~ Dirichlet(1, …, 1)."""
    generator = torch.Generator().manual_seed(_SEED)
    weights = -torch.log1p(-torch.rand(2 * n, classes, generator=generator, dtype=torch.float64))
    drawn = torch.multinomial(weights, trials, replacement=True, generator=generator)
    train, test = torch.nn.functional.one_hot(drawn, classes).sum(1).double().view(2, n, classes)
    return Data(train, test, "generated", f"{trials} draws from {classes} classes each, generator seed {_SEED}")


class ProportionalCounts(Task):
    """z ~ Dirichlet(α), x ~ Multinomial(N, z), on counts whose proportions are uniform over the simplex.

    A subclass says which guide, and the ELBO of it.

    Args:
        guide: from the number of classes.
        classes: C.
        trials: N, draws per observation.
        n: the number of observations in the training set, and in the test set.
    """

    model: MultinomialModel
    dtype = torch.float64
    references: ClassVar[Mapping[str, str]] = {"iwae": "dreg"}
    defaults = Defaults(steps=2000, batch_size=20, model_lr=5e-3, guide_lr=5e-3)

    def __init__(self, guide: Callable[[int], Guide], classes: int, trials: int, n: int) -> None:
        super().__init__()
        at_least(2, classes=classes)
        at_least(1, trials=trials, n=n)
        self.classes, self.trials, self.n = classes, trials, n
        self.guide = guide(classes)
        self.model = MultinomialModel(torch.full((classes,), 2.0, dtype=self.dtype), trials)

    def load(self) -> Data:
        return proportional_counts(self.classes, self.trials, self.n)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        if target == "evidence":
            return self.model.log_evidence(x)
        return self.elbo(x) if is_elbo(target, samples) else None

    @abstractmethod
    def elbo(self, x: Tensor) -> Tensor:
        """Return the ELBO in nats, [B]."""


@final
class DirichletMultinomial(ProportionalCounts):
    """z ~ Dirichlet(α), x ~ Multinomial(N, z): evidence and ELBO in closed form, with an amortized Dirichlet guide.

    Pathwise gradients are implicit (Figurnov et al. 2018; Jankowiak & Obermeyer 2018). Data: proportions uniform over
    the simplex, always the same.
    """

    guide: DirichletGuide
    checked = ({"n": 8},)

    def __init__(self, classes: int = 3, trials: int = 10, n: int = 500) -> None:
        super().__init__(DirichletGuide, classes, trials, n)

    def elbo(self, x: Tensor) -> Tensor:
        concentration = self.guide.concentration(x)
        total = concentration.sum(-1)
        log_z = torch.digamma(concentration) - torch.digamma(total)[:, None]
        log_guide = torch.lgamma(total) - torch.lgamma(concentration).sum(-1) + ((concentration - 1) * log_z).sum(-1)
        return self.model.value(x, log_z) - log_guide
