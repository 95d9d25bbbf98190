"""REINFORCE with leave-one-out baseline and a linear control variate in the samples, for binary latents."""

from typing import final

import torch
from torch import Tensor, nn

from estimators.base import Estimate, mean_of_others
from estimators.draw import Detached
from estimators.parts.binary import BinaryEstimator, along_logits, logits_of
from estimators.parts.shapes import as_events, sum_events
from estimators.parts.slopes import with_slopes
from tasks.base import Task


@final
class DoubleCV(BinaryEstimator):
    """(1/K) Σ_k {[f_k + a_k − mean_{j≠k} (f_j + a_j)] (b_k − p) − α p(1−p) ∘ ḡ_k} in the logits of each site.

    a_k = α (b_k − p)·ḡ_k with ḡ_k = mean_{j≠k} ∇f(b_j), independent of b_k: a linear model of f whose part in the score
    has the mean that is subtracted, and which makes the baseline less noisy as well. α descends the square of the
    gradient in the logits, hence its variance; a good one is near −1. With L layers of latents, a_k sums over them.
    Detached: b, f, ∇f. Requirements: Bernoulli latents, f differentiable at them, K ≥ 2. Bias: none.
    Cost: K evaluations.

    Args:
        coefficient: α at the start; 0 is `reinforce-loo`.
    """

    targets = ("expectation", "elbo")
    minimum_samples = 2
    differentiates = True
    formula = "(1/K) Σ_k {[f_k + a_k − mean_{j≠k} (f_j + a_j)] (b_k − p) − α p(1−p) ∘ ḡ_k}, a_k = α (b_k − p)·ḡ_k"
    paper = "Titsias & Shi 2022"

    def __init__(self, coefficient: float = 0.0) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.tensor(float(coefficient)))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        draw = Detached(samples)
        task.guide(x, draw)
        run = with_slopes(task, x, draw.trace)
        logits = {name: logits_of(site.distribution) for name, site in draw.trace.sites.items()}
        probs = {name: value.detach().sigmoid() for name, value in logits.items()}
        offsets = {name: site.value - probs[name] for name, site in draw.trace.sites.items()}
        others = {name: mean_of_others(slope) for name, slope in run.slopes.items()}
        linear = torch.stack([sum_events(offsets[name] * others[name]) for name in logits]).sum(0)
        value = run.f + self.coefficient * linear
        signal = value - mean_of_others(value)
        surrogate, square = run.model_value.mean(0), run.f.new_zeros(())
        for name, offset in offsets.items():
            mean = self.coefficient * probs[name] * (1 - probs[name]) * others[name]
            slope = as_events(signal, offset) * offset - mean
            surrogate = surrogate + along_logits(slope, logits[name]).mean(0)
            square = square + sum_events(slope.mean(0, keepdim=True).square()).mean()
        return Estimate(run.f.mean(0), surrogate, square)

    def evaluations(self, samples: int) -> int | None:
        return samples
