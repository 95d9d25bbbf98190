"""What the evaluator knows of single datapoints."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Points:
    """The bounds of each datapoint in nats, all [N] in float64, whose mean is that of the data split.

    Where rows share their latents, they are terms of a sum (`bench.evaluation.bounds.evaluate_bounds`).

    Attributes:
        elbo: mean log weight.
        elbo_se: its standard error over samples; NaN of a single one.
        log_likelihood: L_K.
        log_likelihood_se: likewise, by the delta method: the relative error of the mean weight is the error of its
            logarithm.
    """

    elbo: Tensor
    elbo_se: Tensor
    log_likelihood: Tensor
    log_likelihood_se: Tensor

    @classmethod
    def of(cls, log_weight: Tensor) -> "Points":
        """Return the bounds of some datapoints from all their log weights, [K, N] in float64."""
        samples = len(log_weight)
        weight = (log_weight - log_weight.max(0).values).exp()
        return cls(
            log_weight.mean(0),
            _error(log_weight),
            torch.logsumexp(log_weight, 0) - math.log(samples),
            _error(weight) / weight.mean(0),
        )

    @classmethod
    def joined(cls, parts: Sequence["Points"]) -> "Points":
        """Return the bounds of all parts, one after the other."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def _error(values: Tensor) -> Tensor:
    """Return the standard error of the mean over samples, [N], of values [K, N]."""
    if len(values) < 2:
        return torch.full_like(values[0], torch.nan)
    return values.std(0) / math.sqrt(len(values))
