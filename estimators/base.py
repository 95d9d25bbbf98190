"""The estimator protocol, and the few quantities that estimators are written in."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call

from estimators import INDEX, OPTIONAL, distributions
from estimators.draw import Draw, Replayed, Trace, probe, without_derivative
from tasks.base import Constructed, GenerativeModel, Latents, Target, Task, registered_name


class Unfit(ValueError):
    """An estimator cannot be run on a task; the message says which latents or which part is in the way."""


@dataclass(frozen=True)
class Estimate:
    """One stochastic gradient estimate.

    Attributes:
        objective: [B], the estimate of the target's value, or what else the class declares as its `objective`;
            reported, never altered by the gradient's construction.
        surrogate: [B], the gradient of its mean over the batch is the gradient estimate. Its value means nothing.
        auxiliary: a scalar loss of the estimator's own parameters, whose gradient reaches neither θ nor φ.
    """

    objective: Tensor
    surrogate: Tensor
    auxiliary: Tensor | None = None

    @classmethod
    def from_gradients(
        cls, objective: Tensor, parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> "Estimate":
        """Return the estimate for a gradient that is already computed, say by another library.

        Its surrogate is Σ parameter · gradient, with the gradients detached.

        Args:
            objective: [B], as above.
            parameters: the task's, or some of them.
            gradients: of the batch's mean, one for each of the parameters; None is zero.

        >>> import torch
        >>> from varbench import Estimate
        >>> weight = torch.ones(2, requires_grad=True)
        >>> estimate = Estimate.from_gradients(torch.zeros(5), [weight], [torch.tensor([0.5, -2.0])])
        >>> estimate.surrogate.shape, torch.autograd.grad(estimate.surrogate.mean(), weight)[0]
        (torch.Size([5]), tensor([ 0.5000, -2.0000]))
        """
        pairs = zip(parameters, gradients, strict=True)
        total = sum((parameter * slope.detach()).sum() for parameter, slope in pairs if slope is not None)
        return cls(objective.detach(), torch.zeros_like(objective).detach() + total)


@dataclass(frozen=True)
class Bias:
    """A claim about the mean gradient of an estimator that is declared biased; `bench check` tests it.

    Unless one of the first two says more, only its sign and size are claimed.

    Attributes:
        vanishes: whether the bias is O(1/K) in the samples K.
        like: the name of an estimator with the same mean, such as `st-gumbel-softmax(temperature=0.5)`.
        within: along the exact gradient, for φ and θ each, the mean has its sign, and is at most this many times as
            large or as small; at infinity only the sign is claimed.

    >>> from varbench import Bias
    >>> Bias(vanishes=True)
    Bias(vanishes=True, like='', within=10.0)
    """

    vanishes: bool = False
    like: str = ""
    within: float = 10.0


class Estimator(Constructed, ABC):
    """One Monte Carlo gradient estimator. Hyperparameters are constructor arguments; learned parts are modules.

    If a hyperparameter decides it, an instance overrides `unbiased`, `bias_claim`, `own_target`, `latents`,
    `differentiates`, `minimum_samples` or `total_gradient` of its class.

    Attributes:
        targets: the targets whose gradient it estimates; on a task it is the task's own if that is among them.
        unbiased: whether the mean gradient is the gradient of that target.
        bias_claim: a claim about the mean gradient if it is not.
        latents: what every latent site must be.
        differentiates: whether it differentiates what the model returns in the latents: in all of them if they are
            relaxed, else in the reparameterizable ones. By default, a class does so if `latents` is
            `reparameterizable` or `relaxable`.
        minimum_samples: the smallest number of samples K for which it is defined.
        trains_guide: whether φ receives a gradient at all.
        guide_follows_target: whether φ's gradient is that of the target; False if φ follows an aim of its own.
        own_target: whether the target is the estimator's own: `exact` says what it is, it depends on the estimator's
            settings, and no other estimator shares its reference gradient. By default, a class that defines `exact`
            has one.
        objective: whose value `Estimate.objective` is: the `target`'s, or that of f at `relaxed` draws, which is
            neither an estimate of the target nor a bound.
        total_gradient: whether its gradient in φ is taken through φ wherever it occurs in f, including the model's
            value, which contains φ while `bench run --kl-warmup` weights the divergence. If not, φ is held fixed there,
            which is correct for an ELBO, and if φ follows an aim of its own.
        unweighted: why the divergence cannot have a weight, in words; empty if it can.
        zero_variance: when theory proves that the gradient has no variance: `always`; for a guide that is the
            `posterior` (its φ part); for a cost that is `quadratic` in Gaussian latents.
        version: raised when a change makes earlier results incomparable.
        checked: constructor arguments of the configurations that `bench check` tests.
        formula: the estimator on one line, in the notation of the papers.
        paper: author, year and equation.
    """

    targets: tuple[Target, ...]
    unbiased: bool = True
    bias_claim: Bias = Bias()
    latents: Literal["any", "reparameterizable", "enumerable", "relaxable"] = "any"
    differentiates: bool = False
    minimum_samples: int = 1
    trains_guide: bool = True
    guide_follows_target: bool = True
    own_target: bool = False
    objective: Literal["target", "relaxed"] = "target"
    total_gradient: bool = False
    unweighted: str = ""
    zero_variance: ClassVar[Literal["always", "posterior", "quadratic"] | None] = None
    version: ClassVar[int] = 1
    checked: ClassVar[tuple[Mapping[str, bool | int | float | str], ...]] = ({},)
    formula: ClassVar[str] = ""
    paper: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A silent `exact` counts as a target of its own: a package of others then never gets somebody else's reference.
        says = next(vars(base) for base in cls.__mro__ if {"exact", "own_target"} & vars(base).keys())
        if "own_target" not in says:
            cls.own_target = True
        says = next(vars(base) for base in cls.__mro__ if {"latents", "differentiates"} & vars(base).keys())
        if "differentiates" not in says:
            cls.differentiates = cls.latents in ("reparameterizable", "relaxable")

    @abstractmethod
    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        """Return one estimate from `samples` samples per datapoint of the batch x [B, ...]."""

    def prepare(self, task: Task, x: Tensor) -> None:
        """Build learned parts whose shape depends on the task. Called once, with observations x, before training."""

    def observe(self, estimate: Estimate) -> None:
        """Update adaptive state after a training step. Called after `estimate`, never while moments are measured.

        An estimator without such state passes the estimate on to those that it is made of.
        """
        for part in self.children():
            if isinstance(part, Estimator):
                part.observe(estimate)

    def evaluations(self, samples: int) -> int | None:
        """Return the evaluations of the model per datapoint and gradient; None where they depend on task or chance."""
        return None

    def forward(self, task: Task, x: Tensor, samples: int) -> Estimate:
        return self.estimate(task, x, samples)

    @property
    def called(self) -> str:
        """Its name in messages: the one that a user gives."""
        return registered_name(type(self), {**INDEX, **OPTIONAL})

    def target(self, task: Task) -> Target:
        """Return the target whose gradient is estimated on `task`."""
        return task.target if task.target in self.targets else self.targets[0]

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        """Return the exact value of the target per datapoint, [B], differentiable in the task's parameters.

        None if it is not known. An estimator with `own_target` computes it from `estimators.parts.exact`.
        """
        return task.exact(self.target(task), x, samples)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        """Raise `Unfit` with the reason if the estimator cannot run on this task with K = `samples`."""
        name, where = self.called, task.called
        if not self.trains_guide and not any(True for _ in task.model.parameters()):
            raise Unfit(f"{name} trains only θ, but the model of {where} has nothing to train")
        if task.target == "expectation" and "expectation" not in self.targets:
            raise Unfit(
                f"{name} estimates {' or '.join(self.targets)}, which needs log p(x, z); {where} is a cost f(z)"
            )
        if samples < self.minimum_samples:
            least = f"{self.minimum_samples} sample{'s' * (self.minimum_samples != 1)}"
            raise Unfit(f"{name} needs at least {least} per datapoint; --samples is {samples}")
        for site, drawn in probe(task.guide, x[:1]).sites.items():
            self._require_site(drawn.distribution, f"site '{site}' of {where}")
        # What a family says of itself may be wrong: a draw made under `no_grad` looks like one with a derivative.
        if self.latents == "reparameterizable" and (sites := without_derivative(task.guide, x[:1])):
            raise Unfit(
                f"{name} needs draws with a derivative in φ, and those of site '{sites[0]}' of {where} have none: "
                "register a differentiable one with estimators.distributions.sample.register"
            )
        if self.differentiates and not _has_slopes(task, x[:1], self.differentiates_in):
            raise Unfit(
                f"{name} differentiates what the model of {where} returns in z, but it has no derivative there: "
                f"compute "
                "it in PyTorch without no_grad, detach, item or NumPy, or use a score function"
            )

    def differentiates_in(self, site: str, distribution: Distribution) -> bool:
        """Return whether it takes derivatives in a site's latent, where it `differentiates` at all."""
        return self.latents in ("enumerable", "relaxable") or distributions.reparameterizable(distribution)

    def _require_site(self, distribution: Distribution, site: str) -> None:
        name, family = self.called, distributions.family(distribution)
        if reason := distributions.beyond(distribution):
            raise Unfit(f"{site} is {reason}")
        if self.latents == "reparameterizable" and not distributions.reparameterizable(distribution):
            raise Unfit(f"{name} needs reparameterizable latents; {site} is {family}")
        support = distribution.support
        discrete = support is not None and support.is_discrete
        if self.latents in ("enumerable", "relaxable") and not discrete:
            raise Unfit(f"{name} needs discrete latents; {site} is {family}")
        if self.latents == "relaxable":
            try:
                distributions.relaxation(distribution)
            except distributions.Unsupported as reason:
                raise Unfit(f"{name} relaxes its latents, but {site} does not fit: {reason}") from reason


@torch.enable_grad()
def _has_slopes(task: Task, x: Tensor, wanted: Callable[[str, Distribution], bool]) -> bool:
    """Is the model's value attached to a latent that is wanted? True where there is no such latent."""
    sites = probe(task.guide, x).sites
    latents = {name: site.value.requires_grad_(site.value.is_floating_point()) for name, site in sites.items()}
    asked = [latents[n] for n, site in sites.items() if latents[n].requires_grad and wanted(n, site.distribution)]
    if not asked:
        return True
    value = task.model(x, latents)
    slopes = torch.autograd.grad(value.sum(), asked, allow_unused=True) if value.requires_grad else ()
    return any(slope is not None for slope in slopes)


@dataclass(frozen=True)
class Evaluation:
    """A guide's draws with the two log densities at them.

    Attributes:
        trace: the guide's sites.
        log_q: log q_φ(z|x), [K, B], with its total derivative in φ (`Draw.log_prob`).
        model_value: what the model returns, log p_θ(x, z), or f(z) on an `expectation` task, [K, B]. It carries the
            gradient in θ.
        f: what is averaged over q: log p − log q, or f(z), [K, B].
    """

    trace: Trace
    log_q: Tensor
    model_value: Tensor
    f: Tensor

    @property
    def log_p(self) -> Tensor:
        """An earlier name of `model_value`, which other packages still use."""
        return self.model_value


def evaluate(task: Task, x: Tensor, draw: Draw) -> Evaluation:
    """Run the guide with `draw` and evaluate the model at its draws.

    >>> from varbench import Detached, evaluate
    >>> from tasks.gaussian_toys import GaussianQuadratic
    >>> task = GaussianQuadratic(dim=3)
    >>> run = evaluate(task, task.load().train, Detached(samples=5))
    >>> run.f.shape, run.trace.latents["z"].shape
    (torch.Size([5, 1]), torch.Size([5, 1, 3]))
    """
    task.guide(x, draw)
    log_q = draw.log_prob()
    model_value = task.model(x, draw.trace.latents)
    return Evaluation(draw.trace, log_q, model_value, integrand(task, model_value, lambda: log_q))


def integrand(task: Task, model_value: Tensor, log_q: Callable[[], Tensor]) -> Tensor:
    """Return f, what is averaged over q: log p − log q, or f(z) on an `expectation` task, which needs no log q.

    >>> import torch
    >>> from varbench import integrand
    >>> from tasks.gaussian_toys import GaussianQuadratic
    >>> integrand(GaussianQuadratic(), torch.tensor([[2.0]]), lambda: torch.tensor([[9.0]]))
    tensor([[2.]])
    """
    return model_value if task.target == "expectation" else model_value - log_q()


def without_parameters(module: nn.Module, *arguments: Any) -> Any:
    """Call a module with its parameters detached, so that gradients flow through the arguments only.

    >>> import torch
    >>> from varbench import without_parameters
    >>> x = torch.ones(1, 2)
    >>> without_parameters(torch.nn.Linear(2, 1), x).requires_grad
    False
    """
    return functional_call(module, {name: value.detach() for name, value in module.named_parameters()}, arguments)


def log_prob_detached(task: Task, x: Tensor, trace: Trace, latents: Latents) -> Tensor:
    """Return log q_φ(z|x) at `latents` with φ detached inside the density, so that only the path through z remains.

    >>> from varbench import Detached, log_prob_detached
    >>> from tasks.gaussian_toys import GaussianQuadratic
    >>> task, draw = GaussianQuadratic(), Detached(samples=5)
    >>> x = task.load().train
    >>> task.guide(x, draw)
    >>> draw.log_prob().requires_grad, log_prob_detached(task, x, draw.trace, draw.trace.latents).requires_grad
    (True, False)
    """
    if not any(site.conditional for site in trace.sites.values()):
        # A family without parameters by name, a transformed distribution say, has no copy: the guide makes one.
        with suppress(distributions.Unsupported):
            return trace.detached().at(latents).log_prob()
    # A conditional site's parameters depend on φ and on earlier draws. Only φ is to be detached: the guide runs again.
    draw = Replayed(latents)
    without_parameters(task.guide, x, draw)
    return draw.trace.log_prob()


def mean_of_others(value: Tensor) -> Tensor:
    """Return (1/(K−1)) Σ_{j≠k} value_j for every k along the first axis; K ≥ 2.

    >>> import torch
    >>> from varbench import mean_of_others
    >>> mean_of_others(torch.tensor([1.0, 2.0, 6.0]))
    tensor([4.0000, 3.5000, 1.5000])
    """
    return (value.sum(0) - value) / (len(value) - 1)


def log_mean_exp(log_weight: Tensor) -> Tensor:
    """Return log (1/K) Σ_k w_k over the sample axis: [K, B] to [B].

    >>> import torch
    >>> from varbench import log_mean_exp
    >>> log_mean_exp(torch.tensor([[1.0], [3.0]]).log()).exp()
    tensor([2.])
    """
    return torch.logsumexp(log_weight, 0) - math.log(log_weight.shape[0])


def log_sum_exp_of_others(log_weight: Tensor) -> Tensor:
    """Return log Σ_{j≠k} w_j for every k, [K, B]; differentiable, and −∞ where there are no others.

    By sums from both ends: subtracting w_k from the sum of all would lose every digit where w̃_k is near one.

    >>> import torch
    >>> from varbench import log_sum_exp_of_others
    >>> log_sum_exp_of_others(torch.tensor([[1.0], [2.0], [3.0]]).log()).exp().T.round()
    tensor([[5., 4., 3.]])
    """
    nothing = torch.full_like(log_weight[:1], -math.inf)
    before = torch.cat([nothing, log_weight.logcumsumexp(0)[:-1]])
    after = torch.cat([log_weight.flip(0).logcumsumexp(0).flip(0)[1:], nothing])
    return torch.logaddexp(before, after)


def log_mean_exp_of_others(log_weight: Tensor) -> Tensor:
    """Return L̂_{−k} = log (1/(K−1)) Σ_{j≠k} w_j for every k, [K, B], differentiable; K ≥ 2.

    >>> import torch
    >>> from varbench import log_mean_exp_of_others
    >>> log_mean_exp_of_others(torch.tensor([[1.0], [2.0], [4.0]]).log()).exp().T
    tensor([[3.0000, 2.5000, 1.5000]])
    """
    return log_sum_exp_of_others(log_weight) - math.log(len(log_weight) - 1)


def generative(task: Task, needed_by: str) -> GenerativeModel:
    """Return the task's model if it has a prior to draw from; otherwise raise `Unfit`.

    >>> from varbench import generative
    >>> from tasks.gaussian_toys import GaussianQuadratic
    >>> generative(GaussianQuadratic(), "wake-sleep")
    Traceback (most recent call last):
        ...
    estimators.base.Unfit: wake-sleep draws from the prior, but gaussian-quadratic only has a joint density
    """
    if isinstance(task.model, GenerativeModel):
        return task.model
    raise Unfit(f"{needed_by} draws from the prior, but {task.called} only has a joint density")
