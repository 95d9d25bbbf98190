"""The metrics of DESIGN section 4 from the moments of one gradient estimate."""

import math
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from bench.measure.moments import GROUPS, ROUNDING, Moments
from bench.measure.norms import Scale, pairs, squared_norm
from bench.measure.reference import Reference
from bench.measure.summary import Summary, gram
from bench.measure.units import largest, norm, unit_of
from bench.statistics.intervals import EXACTLY_ZERO, Interval, jackknife

_OF_BATCHES: Final = {"variance_minibatch"}


def gradient_metrics(
    moments: Moments, where: slice, reference: Reference | None, evidence: Reference | None = None
) -> dict[str, Interval]:
    """Return every metric of one parameter group that needs no further draws.

    `bias`, `relative_bias` and `mse` are left out where there is no reference, `bias_evidence` where there is no
    gradient of log p(x), ratios where both parts are zero, `relative_bias` where its denominator is, up to rounding.
    """
    summary = moments.summary(where)
    spread = variance(summary)
    result = {
        "variance": spread,
        "variance_mean": spread.scaled(1 / summary.size),
        "snr": _signal_to_noise(summary),
        "snr_mean": coordinate_snr(moments, where),
    }
    if reference is not None:
        result |= bias_metrics(moments, where, reference, summary)
    if evidence is not None:
        result["bias_evidence"] = bias_metrics(moments, where, evidence, summary)["bias"]
    return {name: interval for name, interval in result.items() if not math.isnan(interval.value)}


def variance(summary: Summary) -> Interval:
    """Return the trace of the covariance, Σ_p s_p², with an interval made for its logarithm."""
    full, left_out = _variances(summary)
    return _squared(jackknife(full, left_out, summary.counts, log=True), summary.unit)


def _squared(interval: Interval, unit: float) -> Interval:
    """Return the interval of what was computed in the square of a unit."""
    return interval.scaled(unit).scaled(unit)


def _variances(summary: Summary) -> tuple[float, Tensor]:
    """Return the unbiased trace of the covariance on all replicates, and without each group, [G]."""
    n, total = summary.counts, summary.counts.sum()
    between = n * summary.centred.diagonal()
    full = (summary.within.sum() + between.sum()) / (total - 1)
    rest = total - n
    # Without group j the overall mean moves by −n_j c_j / rest, which takes n_j² ‖c_j‖² / rest off the rest's spread.
    left = (summary.within.sum() - summary.within) + (between.sum() - between) - n * between / rest
    return float(full), (left / (rest - 1)).clamp(min=0)


def bias_metrics(moments: Moments, where: slice, reference: Reference, summary: Summary) -> dict[str, Interval]:
    """Return `bias`, `relative_bias` and `mse` with respect to one reference."""
    unit = max(summary.unit, reference.unit(where))
    summary = summary.in_unit(unit)
    differences = moments.differences(reference.means, where, unit, reference.rounding)
    bound = _rounding(moments, where, reference)
    result = {
        "bias": squared_norm(differences, summary.counts).map_sqrt().scaled(unit).reaching(bound),
        "mse": _squared(_mean_squared_error(summary, differences), unit).reaching(bound * bound),
    }
    size = reference.squared_norm(where, unit)
    if (length := math.sqrt(max(0.0, size.interval.value)) * unit) > bound:
        result["relative_bias"] = squared_norm(differences, summary.counts, size).map_sqrt().reaching(bound / length)
    return result


def _rounding(moments: Moments, where: slice, reference: Reference) -> float:
    """Return the norm of a difference that cannot be told from rounding."""
    known = [part[where] for part in (moments.rounding, reference.rounding) if part is not None]
    return ROUNDING * norm(torch.cat(known))


def _signal_to_noise(summary: Summary) -> Interval:
    """Return ‖E g‖ / √variance; infinite for a gradient that does not vary, undefined (nan) for one that is zero."""
    full, left_out = _variances(summary)
    if full == 0:
        value = math.inf if float(summary.means.diagonal().sum()) > 0 else math.nan
        return Interval(value, 0.0, value, value)
    return squared_norm(summary.means, summary.counts, Scale.jackknifed(full, left_out, summary.counts)).map_sqrt()


def _mean_squared_error(summary: Summary, differences: Tensor) -> Interval:
    spread, spread_left = _variances(summary)
    squared, squared_left = pairs(differences, summary.counts)
    if spread == 0:
        return squared_norm(differences, summary.counts).clipped(0.0)
    # The squared bias may be estimated as negative, but by no more than the variance over R.
    return jackknife(squared + spread, squared_left + spread_left, summary.counts, log=True)


def coordinate_snr(moments: Moments, where: slice) -> Interval:
    """Return the mean over coordinates of |E g_p| / σ_p (Rainforth et al. 2018); constant coordinates are left out.

    It is the plug-in estimate of the paper. The absolute value of a mean over R replicates is biased upwards, so that
    this has a floor of √(2/(πR)) ≈ 0.8/√R where the true value is zero; the interval is for the expectation of the
    estimate at this R, and its standard error is that of the estimate. `snr` is free of this bias.
    """
    total, left, noisy = 0.0, torch.zeros(GROUPS, dtype=torch.float64), 0
    for _, block in moments.blocks(where):
        counts = moments.counts[:, None].to(block.centre.device)
        n, rest = counts.sum(), counts.sum() - counts
        in_units = (block.centre / block.unit, block.offsets, block.deviation)
        centre, offsets, deviation = (part[..., block.noisy] for part in in_units)
        spread = deviation.sum(0) + (counts * offsets.square()).sum(0)
        total += float((centre.abs() / (spread / (n - 1)).sqrt()).sum())
        without = spread - deviation - offsets.square() * (counts * n / rest)
        # A coordinate may vary in one group only; without that group its ratio is not finite, and keeps the full one.
        without = torch.where(without > 1e-12 * spread, without / (rest - 1), spread / (n - 1))
        left += ((centre - offsets * (counts / rest)).abs() / without.sqrt()).sum(1).cpu()
        noisy += int(block.noisy.sum())
    if not noisy:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    return jackknife(total / noisy, left / noisy, moments.counts).clipped(0.0)


def nested_variances(deviations: Tensor, means: Tensor, draws: int) -> dict[str, Interval]:
    """Split the variance into the part due to z given the batch and the part due to the choice of batch.

    Args:
        deviations: root of the trace of the covariance given each of b batches, [b].
        means: the mean gradient of each batch, [b, P].
        draws: replicates that each mean is over.
    """
    b = len(deviations)
    counts = torch.ones(b, dtype=torch.float64)
    offsets = means - means.mean(0)
    unit = unit_of(largest(deviations), largest(offsets))
    sampling, centred = (deviations / unit).square(), gram(offsets, unit).diagonal()

    def split(spread: Tensor, within: Tensor) -> tuple[Tensor, Tensor]:
        return within, spread - within / draws

    full = split(centred.sum() / (b - 1), sampling.mean())
    # Without batch j the centre moves by −c_j / (b − 1).
    spread = (centred.sum() - centred - centred / (b - 1)) / (b - 2)
    left = split(spread, (sampling.sum() - sampling) / (b - 1))
    within = jackknife(float(full[0]), left[0], counts, log=True)
    minibatch = jackknife(float(full[1]), left[1], counts)
    return {"variance_sampling": _squared(within, unit), "variance_minibatch": _squared(minibatch.clipped(0.0), unit)}


def unknown(found: dict[str, Interval]) -> dict[str, Interval]:
    """Return the metrics of replicates that are all equal where an event that was not seen may set others apart.

    Its probability is below 3/R with 95% confidence, but its size can be any. Ratios to the variance are left out.
    """
    kept = {name: interval for name, interval in found.items() if name not in ("snr", "cosine")}
    open_ended = {name for name in kept if name.startswith(("variance", "bias", "relative", "mse"))}
    return kept | {name: replace(kept[name], se=math.inf, low=0.0, high=math.inf) for name in open_ended - _OF_BATCHES}


def without_minibatches(spread: Interval) -> dict[str, Interval]:
    """Return the split of the variance where every batch is the whole data set."""
    return {"variance_sampling": spread, "variance_minibatch": EXACTLY_ZERO}
