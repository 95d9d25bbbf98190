"""`varbench.moments`: bias, variance, SNR and cosine of the gradient of any loss, with intervals."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import pandas as pd
import torch
from torch import Tensor

from bench.errors import UsageError
from bench.losses.draws import Loss, LossDraws
from bench.losses.keeping import kept
from bench.losses.parameters import ALL, Parameters, Tensors, tensors_of
from bench.losses.references import reference_of
from bench.machine.streams import seeded
from bench.measure.cosines import Cosines
from bench.measure.measure import TOO_FEW, group_metrics, half_width
from bench.measure.metrics import unknown
from bench.measure.moments import GROUPS, Moments, NotFinite, nothing
from bench.measure.outcomes import draws_at_random
from bench.measure.reference import Reference, References, relative_error
from bench.measure.replicates import LOOP
from bench.measure.rounding import rounding_of
from bench.measure.stopping import FIRST, Stopping, draw_until_precise
from bench.results.digits import interval
from bench.results.metrics import METRICS
from bench.results.render import Block, render_blocks, render_html
from bench.statistics.intervals import Interval

_LEAST: Final = 2 * GROUPS
"""Replicates that intervals can be made of."""
_NUMBERS: Final = 1 << 20
_LARGEST: Final = 256
"""Of the gradients that are drawn at once: numbers in all of them, and how many they are."""
_SHOWN: Final = ("bias", "relative_bias", "variance", "snr", "cosine")

_EQUAL: Final = (
    "all replicates of the gradient are equal, although random numbers were drawn: if these decide on something rare, "
    "nothing is known about the variance, and the bias may be zero"
)
_CONSTANT: Final = "no random numbers are drawn: the gradient has no variance"


@final
@dataclass(frozen=True, repr=False)
class GradientMoments:
    """Moments of the gradient of a loss, by parameter group, each with a 95% interval.

    `found["variance"]` is the variance for all parameters, `found["encoder", "variance"]` that for a group: an
    `Interval` with `value`, `se`, `low` and `high`.

    Attributes:
        metrics: by group and metric; `all` is all parameters.
        replicates: how many gradients were drawn.
        chunk: how many of them at once; 1 if they were drawn one by one.
        reference: the reference of bias, MSE and cosine; empty if there is none.
        notes: what a reader of the numbers should know.
        seed: of the draws.
        seconds: how long it took.
        mean: the mean gradient, with its error; a reference for other estimators of the same gradient.

    >>> import torch, varbench
    >>> scale = torch.ones(3, requires_grad=True)
    >>> found = varbench.moments(lambda: (scale * torch.randn(3)).sum(), [scale], replicates=400)
    >>> found["variance"].low < 3 < found["variance"].high
    True
    """

    metrics: Mapping[str, Mapping[str, Interval]]
    replicates: int
    chunk: int
    reference: str
    notes: tuple[str, ...]
    seed: int
    seconds: float
    mean: Reference = field(compare=False)

    def __getitem__(self, key: str | tuple[str, str]) -> Interval:
        group, metric = (ALL, key) if isinstance(key, str) else key
        if group not in self.metrics:
            raise KeyError(f"there is no group '{group}'; there are {', '.join(self.metrics)}")
        of_group = self.metrics[group]
        if metric not in of_group:
            kind = "value of" if metric in METRICS else "metric"
            needs = metric in METRICS and METRICS[metric].reference and not self.reference
            why = " without a reference" if needs else ""
            raise KeyError(f"there is no {kind} '{metric}'{why}; there are {', '.join(of_group)}")
        return of_group[metric]

    @property
    def frame(self) -> pd.DataFrame:
        """Return a row per group × metric, with the columns of the `gradients` table."""
        rows = [
            {
                "group": group,
                "metric": metric,
                "value": found.value,
                "se": found.se,
                "ci_low": found.low,
                "ci_high": found.high,
                "n": self.replicates,
                "unit": METRICS[metric].unit,
            }
            for group, of_group in self.metrics.items()
            for metric, found in of_group.items()
        ]
        return pd.DataFrame(rows)

    @property
    def _block(self) -> Block:
        shown = [name for name in _SHOWN if any(name in found for found in self.metrics.values())]
        lines = [[group, *(_said(found.get(name)) for name in shown)] for group, found in self.metrics.items()]
        how = "one by one" if self.chunk == LOOP else f"{self.chunk} at once"
        against = f", reference {self.reference}" if self.reference else ""
        title = f"gradient of the loss · {self.replicates} replicates, {how}{against}"
        return Block(
            title,
            ["group", *(METRICS[name].title for name in shown)],
            lines,
            notes=["brackets are 95% intervals", *self.notes],
        )

    def __repr__(self) -> str:
        return render_blocks([self._block], "text")

    def _repr_html_(self) -> str:
        return render_html([self._block])


def moments(
    loss: Loss,
    parameters: Parameters,
    *,
    reference: Any = None,
    replicates: int | None = None,
    precision: float = 0.1,
    most: int = 1000,
    chunk: int | None = None,
    seed: int = 0,
) -> GradientMoments:
    """Return bias, variance, SNR and cosine of the gradient of a stochastic loss at the current parameters.

    The loss is called many times, and its gradient taken each time: many at once by `vmap` if that gives the same as a
    backward pass, else one by one, and `notes` says why. Parameters, their `.grad`, random states, and buffers and
    modes of the modules that `loss` names are left unchanged.

    Args:
        loss: a function without arguments that returns one number, and draws new random numbers at each call.
        parameters: a module, a tensor or several; or groups of these by name, such as
            `{"encoder": encoder, "scale": s}`.
        reference: the true gradient, for bias and cosine: a function that returns the exact loss; tensors, one for each
            parameter; or what `moments` returned, with another seed, for a loss whose gradient is correct on average.
        replicates: draw exactly this many gradients.
        precision: draw until the variance is known to ± this share.
        most: at most this many gradients for that.
        chunk: how many at once; by default as many as have a million numbers together, at most 256.
        seed: of the draws: the same loss at the same parameters has the same moments.

    Raises:
        UsageError: the loss does not return a number, or one that depends on none of the parameters, is not finite, or
            changes what it must not; or an argument does not fit.

    >>> import torch, varbench
    >>> loc = torch.zeros(2, requires_grad=True)
    >>> found = varbench.moments(lambda: ((loc + torch.randn(2)) ** 2).sum(), {"loc": loc}, reference=[torch.zeros(2)])
    >>> found["variance"].low < 8 < found["variance"].high, found["bias"].low
    (True, 0.0)
    """
    stopping = stopping_of(replicates, precision, most)
    if not callable(loss):
        raise UsageError(
            "give a function that returns the loss, such as lambda: loss(batch), not a value: it is called many times"
        )
    tensors = tensors_of(parameters)
    if chunk is not None and chunk < LOOP:
        raise UsageError(f"chunk={chunk}: give 1 to draw gradients one by one, or more to draw several at once")
    try:
        return measured(loss, tensors, reference, stopping, chunk, seed)
    except NotFinite as error:
        raise UsageError(not_finite(error, tensors)) from error


def stopping_of(replicates: int | None, precision: float, most: int) -> Stopping:
    """Return when to stop; for arguments see `moments`.

    Raises:
        UsageError: one of them is of no use.
    """
    for name, value in (("replicates", replicates), ("most", most)):
        if value is not None and value < _LEAST:
            raise UsageError(f"{name}={value}: intervals take at least {_LEAST} replicates")
    if not 0 < precision < math.inf:
        raise UsageError(f"precision={precision}: it must be a share above zero, such as 0.1")
    return Stopping(replicates, precision, most)


def measured(
    loss: Loss, tensors: Tensors, reference: Any, stopping: Stopping, chunk: int | None, seed: int
) -> GradientMoments:
    """Return the moments of a loss; for arguments see `moments`.

    Raises:
        NotFinite: a replicate is not.
    """
    begun = time.perf_counter()
    if isinstance(reference, GradientMoments) and reference.seed == seed:
        raise UsageError(
            f"the reference was also drawn with seed {seed}, so its error is not independent: give one of the two "
            f"another seed"
        )
    draws = LossDraws(loss, tensors.named, tensors.slices, tensors.dtype)
    x = draws.nowhere
    with kept(loss, tensors):
        draws.first()
        target = _target(reference, tensors)
        at_once = _at_once(draws, x, stopping, chunk)
        moments = Moments(draws.size, tensors.dtype, x.device, _rounding(draws, x))
        cosines = Cosines(target, tensors.slices) if target is not None else None
        with seeded(x.device, seed, "replicates"):

            def error(found: Moments) -> float:
                return half_width(found, tensors.slices[ALL])

            beside = cosines.read if cosines is not None else nothing
            for dealt in draw_until_precise(moments, draws, x, at_once, stopping, error, lambda _: None, beside):
                if cosines is not None:
                    cosines.close(dealt)
        at_random = not draws.is_told_by_the_generator or draws_at_random(draws, x)
    references = References(target)
    metrics = {
        group: group_metrics(moments, group, where, references, cosines) for group, where in tensors.slices.items()
    }
    constant = metrics[ALL]["variance"].high == 0
    if constant and at_random:
        metrics = {group: unknown(found) for group, found in metrics.items()}
    label = f"Monte Carlo, ±{100 * relative_error(moments, tensors.slices[ALL]):.2g}%"
    return GradientMoments(
        metrics,
        moments.replicates,
        min(at_once, draws.largest, moments.replicates),
        target.label if target is not None else "",
        tuple(_notes(draws, at_once, moments.replicates, constant, at_random)),
        seed,
        time.perf_counter() - begun,
        Reference(moments.mean, moments.counts, label),
    )


def _target(reference: Any, tensors: Tensors) -> Reference | None:
    if reference is None:
        return None
    if not isinstance(reference, GradientMoments):
        return reference_of(reference, tensors)
    if reference.mean.means.shape[1] != tensors.slices[ALL].stop:
        raise UsageError("the reference is for other parameters: give the same ones, in the same order")
    return replace(reference.mean, means=reference.mean.means.to(tensors.device))


def _at_once(draws: LossDraws, x: Tensor, stopping: Stopping, chunk: int | None) -> int:
    """Return how many replicates to draw at once: the same on every machine, since draws depend on it."""
    room = max(1, _NUMBERS // draws.size)
    wanted = chunk or min(_LARGEST, 1 << (room.bit_length() - 1))
    if wanted == LOOP or draws.check_batching(x):
        return LOOP
    return stopping.fitting(wanted)


def _rounding(draws: LossDraws, x: Tensor) -> Tensor | None:
    """Return the rounding of each coordinate, None where it cannot be told from what differs anyway."""
    if not draws.is_told_by_the_generator:
        return None
    try:
        return rounding_of(lambda: draws.draw(x, LOOP)[0], x.device)
    except (RuntimeError, ValueError, NotImplementedError):
        # A probability that is rounded above one, and the like, is no fault of the loss.
        return None


def _notes(draws: LossDraws, at_once: int, replicates: int, constant: bool, at_random: bool) -> Iterator[str]:
    if draws.reason is not None:
        yield f"replicates were drawn one by one, not by vmap: {draws.reason}"
    elif at_once == LOOP:
        yield f"replicates were drawn one by one, since each has {draws.size} numbers; chunk= draws several at once"
    if draws.unused:
        yield f"the loss does not depend on {', '.join(draws.unused)}"
    if constant:
        yield _EQUAL if at_random else _CONSTANT
    elif replicates < FIRST:
        yield TOO_FEW


def not_finite(error: NotFinite, tensors: Tensors) -> str:
    """Return which gradients are not finite, in a sentence."""
    bad = ~error.gradients.isfinite()
    rows, first = int(bad.any(1).sum()), int(bad.any(0).nonzero()[0])
    ends = torch.tensor([value.numel() for value in tensors.named.values()]).cumsum(0)
    name = list(tensors.named)[int(torch.searchsorted(ends, first, right=True))]
    of = f"{rows} of {len(bad)} gradients are" if len(bad) > 1 else "a gradient is"
    return f"{of} not finite, in the parameter {name} first: so it has no moments"


def _said(found: Interval | None) -> str:
    return "–" if found is None else interval(found.value, found.low, found.high)
