"""The task that KL warm-up trains on: its log weights are log p(x|z) + β (log p(z) − log q(z|x)).

The model's value becomes log p(x, z) + (1 − β) (log q(z|x) − log p(z)). An estimator subtracts log q(z|x) from it, as
it does from any model's, and so has these log weights without knowing of β. On an ELBO φ within the model's value adds
(1 − β) E ∇_φ log q, which is zero; there it may be held or not. In a bound of K samples it does not vanish: an
estimator says whether it takes φ's gradient wherever φ stands (`Estimator.total_gradient`). Where it does not, since φ
has an aim of its own or drops its scores, φ is held in the model, whose joint density is then
p(x|z) p(z)^β q(z|x)^{1−β} as it stands.
"""

import copy
from itertools import chain
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from estimators.base import Estimator, Unfit, without_parameters
from estimators.draw import Replayed
from tasks.base import Data, Draw, GenerativeModel, Guide, Latents, Target, Task

M = TypeVar("M", bound=nn.Module)


@final
class TemperedModel(GenerativeModel):
    """A generative model whose divergence from the guide has a weight.

    Args:
        model: log p(x, z).
        guide: q(z|x).
        held: whether φ is held in log q.

    Attributes:
        beta: β, a scalar.
    """

    beta: Tensor

    def __init__(self, model: GenerativeModel, guide: Guide, held: bool) -> None:
        super().__init__()
        self.guide, self.model, self.held = guide, model, held
        like = next(guide.parameters())
        self.register_buffer("beta", torch.ones((), dtype=like.dtype, device=like.device))

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        guide, prior = Replayed(z), Replayed(z)
        if self.held:
            without_parameters(self.guide, x, guide)
        else:
            self.guide(x, guide)
        self.model.prior(x, prior)
        divergence = guide.trace.log_prob() - prior.trace.log_prob()
        return self.model(x, z) + (1 - self.beta) * divergence

    def prior(self, x: Tensor, draw: Draw) -> None:
        self.model.prior(x, draw)


@final
class Tempered(Task):
    """A task as it is while β is not 1. It shares all parameters with the task itself, and has no exact values.

    Args:
        task: of an ELBO, with a prior.
        held: see `TemperedModel`.
    """

    def __init__(self, task: Task, held: bool) -> None:
        super().__init__()
        assert isinstance(task.model, GenerativeModel), "asked for before"
        self.guide: Guide = _twin(task.guide)
        self.model: TemperedModel = TemperedModel(_twin(task.model), _twin(task.guide), held)
        # In a list it is no module of this one.
        self._whole = [task]

    def load(self) -> Data:
        return self._whole[0].load()

    def prepare(self, raw: Tensor) -> Tensor:
        return self._whole[0].prepare(raw)

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        return None


def _twin(module: M) -> M:
    """Return another module with the same parameters and buffers.

    One that stands in two places is left with the parameters that `functional_call` has put there.
    """
    return copy.deepcopy(module, {id(tensor): tensor for tensor in chain(module.parameters(), module.buffers())})


def tempered(task: Task, estimator: Estimator) -> Tempered:
    """Return what an estimator is trained on while β is not 1.

    Raises:
        Unfit: the task has no divergence to weigh, or the estimator's gradient would be another one.
    """
    where, name = task.called, estimator.called
    if task.target == "expectation":
        raise Unfit(f"--kl-warmup weights the divergence of an ELBO, but {where} is a cost f(z): leave it out")
    if not isinstance(task.model, GenerativeModel):
        raise Unfit(
            f"--kl-warmup needs log p(z) separately from log p(x|z), but {where} only has a joint density: give its "
            f"model a "
            "prior (GenerativeModel), or leave it out"
        )
    if estimator.unweighted:
        raise Unfit(f"{name} cannot be trained with --kl-warmup: {estimator.unweighted}")
    return Tempered(task, held=not estimator.total_gradient)
