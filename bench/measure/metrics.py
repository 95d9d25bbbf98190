"""The metrics of DESIGN section 4 from the moments of one gradient estimate."""

import math
from typing import final

import torch
from torch import Tensor

from bench.measure.intervals import EXACTLY_ZERO, Interval, jackknife, squared_norm
from bench.measure.moments import GROUPS, Moments, Summary, gram
from bench.measure.reference import Reference


@final
class Cosines:
    """Mean cosine between each replicate and the reference gradient, by group of replicates and parameter group."""

    def __init__(self, reference: Reference, slices: dict[str, slice]) -> None:
        self._sums = {name: torch.zeros(GROUPS, dtype=torch.float64) for name in slices}
        self._slices = slices
        mean = reference.mean
        self._units = {name: mean[where] / mean[where].norm() for name, where in slices.items()}

    def update(self, gradients: Tensor, dealt: list[tuple[int, slice]]) -> None:
        """Add gradients [n, P], dealt out to groups as `Moments.update` says."""
        for name, where in self._slices.items():
            part = gradients[:, where]
            norms = torch.linalg.vector_norm(part, dim=1)
            # A gradient of exactly zero points nowhere; its cosine counts as zero.
            cosines = (part @ self._units[name].to(part)) / norms.clamp(min=torch.finfo(part.dtype).tiny)
            for group, rows in dealt:
                self._sums[name][group] += float(cosines[rows].sum())

    def interval(self, name: str, counts: Tensor) -> Interval:
        """Return the mean cosine for one parameter group."""
        sums = self._sums[name]
        total, n = sums.sum(), counts.sum()
        return jackknife(float(total / n), (total - sums) / (n - counts), counts)


def variance(summary: Summary) -> Interval:
    """Return the trace of the covariance, Σ_p s_p², with an interval made for its logarithm."""
    full, left_out = _variances(summary)
    return jackknife(full, left_out, summary.counts, log=True)


def _variances(summary: Summary) -> tuple[float, Tensor]:
    """Return the unbiased trace of the covariance on all replicates, and without each group, [G]."""
    n, total = summary.counts, summary.counts.sum()
    between = n * summary.centred.diagonal()
    full = (summary.within.sum() + between.sum()) / (total - 1)
    rest = total - n
    # Without group j the overall mean moves by −n_j c_j / rest, which takes n_j² ‖c_j‖² / rest off the rest's spread.
    left = (summary.within.sum() - summary.within) + (between.sum() - between) - n * between / rest
    return float(full), left / (rest - 1)


def gradient_metrics(moments: Moments, where: slice, reference: Reference | None) -> dict[str, Interval]:
    """Return every metric of one parameter group that needs no further draws.

    `bias`, `relative_bias` and `mse` are left out where there is no reference.
    """
    summary = moments.summary(where)
    spread = variance(summary)
    norm = squared_norm(summary.means, summary.counts)
    result = {
        "variance": spread,
        "variance_mean": _scaled(spread, 1 / summary.size),
        "snr": _signal_to_noise(summary, spread, norm),
        "snr_mean": coordinate_snr(moments, where),
    }
    if reference is not None:
        result |= bias_metrics(moments, where, reference, summary)
    return {name: interval for name, interval in result.items() if not math.isnan(interval.value)}


def bias_metrics(moments: Moments, where: slice, reference: Reference, summary: Summary) -> dict[str, Interval]:
    """Return `bias`, `relative_bias` and `mse` with respect to one reference."""
    differences = gram(moments.mean[:, where] - reference.means[:, where].to(moments.mean))
    squared = squared_norm(differences, summary.counts)
    size = reference.squared_norm(where)
    relative = squared_norm(differences, summary.counts, size.value, size.se) if size.value > 0 else None
    result = {"bias": squared.map_sqrt(), "mse": _mean_squared_error(summary, differences)}
    if relative is not None:
        result["relative_bias"] = relative.map_sqrt()
    return result


def _signal_to_noise(summary: Summary, spread: Interval, norm: Interval) -> Interval:
    if spread.value == 0:
        infinite = math.inf if norm.value > 0 else math.nan
        return Interval(infinite, 0.0, infinite, infinite)
    return squared_norm(summary.means, summary.counts, spread.value, spread.se).map_sqrt()


def _mean_squared_error(summary: Summary, differences: Tensor) -> Interval:
    spread, spread_left = _variances(summary)
    counts = summary.counts
    full = _pairs(differences, counts) + spread
    keep = [torch.arange(GROUPS) != j for j in range(GROUPS)]
    left = torch.stack([torch.tensor(_pairs(differences[k][:, k], counts[k])) for k in keep]) + spread_left
    interval = jackknife(full, left.double(), counts)
    return Interval(interval.value, interval.se, max(0.0, interval.low), interval.high)


def _pairs(products: Tensor, counts: Tensor) -> float:
    """Return the unbiased ‖E a‖² from the Gram matrix of group means: its mean over pairs of different groups."""
    weights = counts / counts.sum()
    own = (weights**2 * products.diagonal()).sum()
    return float((weights @ products @ weights - own) / (1 - (weights**2).sum()))


def coordinate_snr(moments: Moments, where: slice) -> Interval:
    """Return the mean over coordinates of |E g_p| / σ_p (Rainforth et al. 2018); constant coordinates are left out."""
    counts = moments.counts.to(moments.mean)
    mean, deviation = moments.mean[:, where], moments.deviation[:, where]
    n = counts.sum()
    overall = (counts / n) @ mean
    spread = deviation.sum(0) + (counts[:, None] * (mean - overall).square()).sum(0)
    noisy = spread > 0
    if not bool(noisy.any()):
        return Interval(math.nan, math.nan, math.nan, math.nan)
    full = _ratio(overall, spread, n, noisy)
    left = []
    for group in range(GROUPS):
        count, rest = counts[group], n - counts[group]
        shift = overall - mean[group]
        without = spread - deviation[group] - shift.square() * (count * n / rest)
        left.append(_ratio(overall + shift * (count / rest), without.clamp(min=0), rest, noisy))
    return jackknife(full, torch.tensor(left, dtype=torch.float64), moments.counts, log=full > 0)


def _ratio(mean: Tensor, spread: Tensor, n: Tensor, noisy: Tensor) -> float:
    deviation = (spread[noisy] / (n - 1)).sqrt()
    return float((mean[noisy].abs() / deviation.clamp(min=torch.finfo(deviation.dtype).tiny)).mean(dtype=torch.float64))


def nested_variances(sampling: Tensor, means: Tensor, draws: int) -> dict[str, Interval]:
    """Split the variance into the part due to z given the batch and the part due to the choice of batch.

    Args:
        sampling: trace of the covariance given each of b batches, [b].
        means: the mean gradient of each batch, [b, P].
        draws: replicates that each mean is over.
    """
    b = len(sampling)
    counts = torch.ones(b, dtype=torch.float64)
    centred = gram(means - means.mean(0)).diagonal()

    def split(spread: Tensor, within: Tensor) -> tuple[Tensor, Tensor]:
        return within, spread - within / draws

    full = split(centred.sum() / (b - 1), sampling.mean())
    # Without batch j the centre moves by −c_j / (b − 1).
    spread = (centred.sum() - centred - centred / (b - 1)) / (b - 2)
    left = split(spread, (sampling.sum() - sampling) / (b - 1))
    within = jackknife(float(full[0]), left[0], counts, log=True)
    minibatch = jackknife(float(full[1]), left[1], counts)
    clipped = Interval(max(0.0, minibatch.value), minibatch.se, max(0.0, minibatch.low), max(0.0, minibatch.high))
    return {"variance_sampling": within, "variance_minibatch": clipped}


def without_minibatches(spread: Interval) -> dict[str, Interval]:
    """Return the split of the variance where every batch is the whole data set."""
    return {"variance_sampling": spread, "variance_minibatch": EXACTLY_ZERO}


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.value * factor, interval.se * factor, interval.low * factor, interval.high * factor)
