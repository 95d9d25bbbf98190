"""One bound for the model, several looser ones for the guide."""

from typing import final

from torch import Tensor

from estimators.base import Estimate, Estimator, log_mean_exp, without_parameters
from estimators.draw import Reparameterized
from estimators.importance_weighted.miwae import grouped_bound, require_divisible, require_positive_groups
from estimators.parts import exact
from tasks.base import Task


@final
class PIWAE(Estimator):
    """θ: ∇_θ L̂_{MK} from all samples together; φ: ∇_φ (1/M) Σ_m L̂_K from M groups of them; `--samples` is M·K.

    A tight bound is good for the model, a loose one for the guide's signal-to-noise ratio.
    Detached: z and φ in the first, θ in the second. Requirements: reparameterizable latents, M divides the samples.
    Bias: none for the pair. Cost: 2 M·K evaluations, since no one backward pass carries two weightings of a sample.

    Args:
        groups: M.
    """

    targets = ("piwae",)
    own_target = True
    latents = "reparameterizable"
    formula = "θ: ∇_θ log (1/MK) Σ_{m,k} w_{m,k};  φ: ∇_φ (1/M) Σ_m log (1/K) Σ_k w_{m,k}"
    paper = "Rainforth, Kosiorek, Le, Maddison, Igl, Wood & Teh 2018, eq. 12"

    def __init__(self, groups: int = 2) -> None:
        super().__init__()
        require_positive_groups(groups)
        self.groups = self.minimum_samples = groups

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Reparameterized(samples)
        task.guide(x, draw)
        log_q = draw.log_prob()
        for_guide = grouped_bound(without_parameters(task.model, x, draw.trace.latents) - log_q, self.groups)
        fixed = {name: value.detach() for name, value in draw.trace.latents.items()}
        for_model = log_mean_exp(task.model(x, fixed) - log_q.detach())
        return Estimate(for_model.detach(), for_model + for_guide)

    def evaluations(self, samples: int) -> int | None:
        return 2 * samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        parts = samples // self.groups
        value = exact.without_gradient(task, "guide", lambda t: exact.mean(t, x, samples, log_mean_exp))
        for_guide = exact.without_gradient(task, "model", lambda t: exact.mean(t, x, parts, log_mean_exp))
        return exact.with_gradient_of(value, for_guide)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        require_divisible(samples, self.groups)
