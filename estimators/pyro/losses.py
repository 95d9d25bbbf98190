"""Pyro's losses, each as it is called by `pyro.infer.SVI`."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, final

import pyro
import torch
from pyro.infer import (
    RenyiELBO,
    ReweightedWakeSleep,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from torch import Tensor
from torch._C import _functorch as functorch  # pyright: ignore[reportAttributeAccessIssue] - not in the stubs

from estimators.base import Bias, Estimate, Estimator, Unfit
from estimators.importance_weighted.renyi import Renyi
from estimators.importance_weighted.rws import exact_wake
from estimators.pyro.programs import Programs
from tasks.base import Task


class PyroLoss(Estimator):
    """The gradient that one of Pyro's losses leaves behind, on a task as a Pyro model and guide.

    Pyro has no replicates and cannot be batched, so they are drawn one by one.
    """

    differentiates = True
    enumerates: ClassVar[bool] = False

    @abstractmethod
    def loss(self, samples: int) -> Any:
        """Return Pyro's loss for K particles at once."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        names = [value for value in task.parameters() if value.requires_grad]
        loss, gradients = self._run(task, x, samples)
        # Pyro's loss is a sum over the rows.
        slopes = [None if slope is None else -slope / len(x) for slope in gradients]
        return Estimate.from_gradients(x.new_full((len(x),), -loss / len(x)), names, slopes)

    def evaluations(self, samples: int) -> int | None:
        return samples

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        try:
            self._run(task, x, samples)
        except Unfit:
            raise
        except Exception as error:
            said = (str(error).splitlines() or [""])[0]
            name = type(self.loss(max(samples, 2))).__name__
            raise Unfit(f"Pyro's {name} does not run on {task.called}: {type(error).__name__}: {said}") from error

    def _run(self, task: Task, x: Tensor, samples: int) -> tuple[float, list[Tensor | None]]:
        """Return the loss of a batch, a sum over its rows, and its gradient in each parameter."""
        if functorch.maybe_current_level() is not None:
            raise RuntimeError("Pyro calls backward itself, so its replicates are drawn one by one")
        programs = Programs(task, x, self.enumerates)
        with pyro.get_param_store().scope(), pyro.validation_enabled(False), torch.enable_grad():
            loss = self.loss(samples).loss_and_grads(programs.model, programs.guide)
            return (loss[0] if isinstance(loss, tuple) else float(loss)), programs.gradients()


def _of_rows(kind: Callable[..., Any], samples: int, **how: Any) -> Any:
    """Return a loss of Pyro's for programs whose rows lie in one plate, with all K particles at once."""
    return kind(num_particles=samples, vectorize_particles=True, max_plate_nesting=1, **how)


@final
class PyroTrace(PyroLoss):
    """Pyro's `Trace_ELBO`: pathwise where a site has `rsample`, the score function elsewhere, without a baseline.

    The score function of a row is multiplied by that row's terms only, which Pyro knows by the plate.
    Requirements: none. Bias: none. Cost: K evaluations.
    """

    targets = ("elbo",)
    formula = "Trace_ELBO(num_particles=K).loss_and_grads(model, guide)"
    paper = "Bingham et al. 2019 (Pyro); Wingate & Weber 2013; Ranganath, Gerrish & Blei 2014"

    def loss(self, samples: int) -> Any:
        return _of_rows(Trace_ELBO, samples)


@final
class PyroTraceGraph(PyroLoss):
    """Pyro's `TraceGraph_ELBO`: like `pyro-trace`, with each score multiplied by the terms downstream of its site only.

    Pyro finds what is downstream by provenance, which every operation on a draw passes on. No baseline is used.
    Requirements: none. Bias: none. Cost: K evaluations.
    """

    targets = ("elbo",)
    formula = "TraceGraph_ELBO(num_particles=K).loss_and_grads(model, guide)"
    paper = "Bingham et al. 2019 (Pyro); Schulman, Heess, Weber & Abbeel 2015"

    def loss(self, samples: int) -> Any:
        return _of_rows(TraceGraph_ELBO, samples)


@final
class PyroTraceMeanField(PyroLoss):
    """Pyro's `TraceMeanField_ELBO`: pathwise, divergences of sites from their priors in closed form if there is one.

    Requirements: reparameterizable latents; for a correct mean, no parent of a site in the model may be among its
    descendants in the guide. Bias: none then. Cost: K evaluations.
    """

    targets = ("elbo",)
    latents = "reparameterizable"
    formula = "TraceMeanField_ELBO(num_particles=K).loss_and_grads(model, guide)"
    paper = "Bingham et al. 2019 (Pyro); Kingma & Welling 2014, eq. 10"

    def loss(self, samples: int) -> Any:
        return _of_rows(TraceMeanField_ELBO, samples)


@final
class PyroTraceEnum(PyroLoss):
    """Pyro's `TraceEnum_ELBO`: discrete sites of the guide are summed over if Pyro can, else as in `pyro-trace`.

    Pyro sums over a site of one number or one category for each row, and not over vectors of them.
    Requirements: a model that takes the enumerated values as samples. Bias: none. Cost: as many evaluations as the
    summed sites have joint states, times K.
    """

    targets = ("elbo",)
    enumerates = True
    formula = "TraceEnum_ELBO(num_particles=K).loss_and_grads(model, config_enumerate(guide))"
    paper = "Bingham et al. 2019 (Pyro); Obermeyer et al. 2019"

    def loss(self, samples: int) -> Any:
        return _of_rows(TraceEnum_ELBO, samples, strict_enumeration_warning=False)

    def evaluations(self, samples: int) -> int | None:
        return None


@final
class PyroRenyi(PyroLoss):
    """Pyro's `RenyiELBO`: pathwise Σ_k w̃_k ∇ log w_k with w̃ ∝ w^{1−α}; at other sites α/(1−α) Σ_k w̃_k ∇ log q_k.

    Requirements: none. Bias: declared as none, for the K-sample bound that Pyro names; docs/libraries.md says what we
    found. Cost: K evaluations.

    Args:
        alpha: α, any number but 1; 0 is the importance-weighted bound, and Pyro's default.
    """

    targets = ("renyi",)
    own_target = True
    unweighted = "Pyro does not know of φ in the model, which this bound's gradient needs"
    checked = ({"alpha": 0.5}, {"alpha": 0.0})
    formula = "RenyiELBO(alpha=α, num_particles=K).loss_and_grads(model, guide)"
    paper = "Bingham et al. 2019 (Pyro); Li & Turner 2016"

    def __init__(self, alpha: float = 0.0) -> None:
        super().__init__()
        self.alpha = alpha
        self._ours = Renyi(alpha)

    def loss(self, samples: int) -> Any:
        return _of_rows(RenyiELBO, samples, alpha=self.alpha)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return self._ours.exact(task, x, samples)


@final
class PyroReweightedWakeSleep(PyroLoss):
    """Pyro's `ReweightedWakeSleep`, wake phases only: θ: Σ_k w̃_k ∇_θ log p(x, z_k); φ: Σ_k w̃_k ∇_φ log q(z_k|x).

    Pyro weights everything in a trace together, so it is called for one row after the other, unless `together`.
    Detached: z and w̃. Requirements: K ≥ 2. Bias: O(1/K) in φ, from the weights' normalisation; none in θ for L_K.
    Cost: K evaluations.

    Args:
        together: whether it is called once for all rows, as a plate in a training step has them; its weights are then
            of all rows together.
    """

    targets = ("wake",)
    own_target = True
    unbiased = False
    bias_claim = Bias(like="rws")
    differentiates = False
    minimum_samples = 2
    formula = "ReweightedWakeSleep(num_particles=K, insomnia=1).loss_and_grads(model, guide)"
    paper = "Bingham et al. 2019 (Pyro); Bornschein & Bengio 2015; Le et al. 2019"

    def __init__(self, together: bool = False) -> None:
        super().__init__()
        self.together = together

    def loss(self, samples: int) -> Any:
        return _of_rows(ReweightedWakeSleep, samples)

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        return exact_wake(task, x, samples)

    def _run(self, task: Task, x: Tensor, samples: int) -> tuple[float, list[Tensor | None]]:
        if self.together or len(x) == 1:
            return super()._run(task, x, samples)
        rows = [super(PyroReweightedWakeSleep, self)._run(task, row, samples) for row in x.split(1)]
        gradients = []
        for slopes in zip(*(found for _, found in rows), strict=True):
            known = [slope for slope in slopes if slope is not None]
            gradients.append(torch.stack(known).sum(0) if known else None)
        return sum(loss for loss, _ in rows), gradients
