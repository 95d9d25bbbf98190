"""What is measured, a row each: the metrics of a gradient, and the values at the end of training.

Whatever is said of a metric elsewhere, in tables, figures and comparisons, comes from its row.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal[-1, 0, 1]
"""+1 where more is better, −1 where less is, 0 where neither, or where it depends."""


@dataclass(frozen=True)
class Metric:
    """One metric. Where a task's target is not in nats, read its unit for nats.

    Attributes:
        name: in the column `metric` of `gradients`, or the column of `final` itself.
        unit: `1` for a plain number; "`unit`" is whatever the row's own column `unit` says.
        meaning: for a reader of the tables.
        label: on a figure's axis.
        better: see `Direction`.
        positive: by its nature, so that it is compared by ratios: its intervals over seeds are Student's on the
            logarithm.
        limits: the least and the most that it can be; Student's interval knows nothing of either.
        heading: above a column or before a value of what a run prints; the label where that is empty.
        whole: whether it is of the whole gradient, in the group `all` only, whichever group a table is about.
        reference: the gradient that it compares with: the one of the `target`, that of the `evidence`, or none.
        is_noise: of the noise alone, which a biased estimator may have little of: none is the best for that.
        of_task: the task says which way is better: a cost is descended, any other target ascended.
        of_coordinates: of single coordinates of the gradient, as `guide.loc[0]`, and of no other group: shown where it
            is asked for.
    """

    name: str
    unit: str
    meaning: str
    label: str
    better: Direction = 0
    positive: bool = False
    limits: tuple[float, float] = (-math.inf, math.inf)
    heading: str = ""
    whole: bool = False
    reference: Literal["", "target", "evidence"] = ""
    is_noise: bool = False
    of_task: bool = False
    of_coordinates: bool = False

    @property
    def title(self) -> str:
        """Return what it is called in what a run prints."""
        return self.heading or self.label

    def head(self, unit: str = "1") -> str:
        """Return the head of a column of it, with a unit unless that is a plain number or said already."""
        return self.title if unit in ("", "1") or self.title.startswith(f"{unit}/") else f"{self.title} ({unit})"

    def unit_of(self, row: str) -> str:
        """Return its unit, given that of a row's column `unit`."""
        return row if self.unit == "`unit`" else self.unit

    def group(self, asked: str) -> str:
        """Return the parameter group that it is measured of where a table is about another."""
        return "all" if self.whole else asked

    def direction(self, unit: str) -> Direction:
        """Return which way is better for a task whose target has this unit."""
        if self.of_task:
            return -1 if unit == "cost" else 1
        return self.better


_SQUARE: Final = "nats²/param²"
_SIZE: Final = (0.0, math.inf)


def _by_name(*rows: Metric) -> dict[str, Metric]:
    return {row.name: row for row in rows}


def _split(split: str, of: str) -> tuple[Metric, Metric]:
    """Return the two parts of the ELBO of some data."""
    return (
        Metric(
            f"{split}_reconstruction",
            "`unit`",
            f"E_q log p(x|z) of {of}; `{split}_elbo` is it less `{split}_kl`, at the same draws",
            f"{split} reconstruction",
        ),
        Metric(
            f"{split}_kl",
            "`unit`",
            f"KL(q(z|x) ‖ p(z)) of {of}, by Monte Carlo",
            f"{split} KL",
        ),
    )


def _perplexity(split: str, of: str) -> Metric:
    return Metric(
        f"{split}_perplexity",
        "1",
        f"perplexity per word of {of}, if these are texts: exp(−Σ ELBO of a text / Σ its words)",
        f"{split} perplexity",
        better=-1,
        positive=True,
        limits=(1.0, math.inf),
    )


METRICS: Final = _by_name(
    Metric(
        "variance",
        _SQUARE,
        "trace of the covariance of the gradient estimate on the same batch for all, Σ_p s_p²",
        "gradient variance",
        better=-1,
        positive=True,
        limits=_SIZE,
        is_noise=True,
        heading="variance",
    ),
    Metric(
        "variance_mean",
        _SQUARE,
        "`variance` divided by the number of parameters",
        "variance per parameter",
        better=-1,
        positive=True,
        limits=_SIZE,
        is_noise=True,
    ),
    Metric(
        "bias",
        "nats/param",
        "norm of (mean gradient − gradient of the target), noise subtracted",
        "bias",
        better=-1,
        limits=_SIZE,
        reference="target",
    ),
    Metric(
        "relative_bias",
        "1",
        "`bias` divided by the norm of the gradient of the target",
        "relative bias",
        better=-1,
        limits=_SIZE,
        reference="target",
    ),
    Metric(
        "bias_evidence",
        "nats/param",
        "the same as `bias`, but against ∇ log p(x)",
        "bias for log p(x)",
        better=-1,
        limits=_SIZE,
        reference="evidence",
    ),
    Metric("mse", _SQUARE, "`bias`² + `variance`", "MSE", better=-1, positive=True, limits=_SIZE, reference="target"),
    Metric(
        "snr",
        "1",
        "norm of the mean gradient, noise subtracted, divided by √`variance`",
        "SNR",
        better=1,
        limits=_SIZE,
        is_noise=True,
    ),
    Metric(
        "snr_mean",
        "1",
        "mean over coordinates of |mean| / standard deviation",
        "mean SNR",
        better=1,
        limits=_SIZE,
        is_noise=True,
    ),
    Metric(
        "cosine",
        "1",
        "mean cosine of the angle between a gradient estimate and the gradient of the target",
        "cosine",
        better=1,
        limits=(-1.0, 1.0),
        reference="target",
    ),
    Metric(
        "variance_sampling",
        _SQUARE,
        "due to z: `variance` on other minibatches, their mean",
        "variance sampling",
        better=-1,
        positive=True,
        limits=_SIZE,
        is_noise=True,
    ),
    Metric(
        "variance_minibatch",
        _SQUARE,
        "due to the choice of minibatch: variance of the mean gradient between minibatches",
        "variance minibatch",
        better=-1,
        positive=True,
        limits=_SIZE,
        is_noise=True,
    ),
    Metric(
        "seconds",
        "s",
        "time of one gradient estimate at the training batch size",
        "time per gradient",
        better=-1,
        positive=True,
        limits=_SIZE,
        heading="s/gradient",
        whole=True,
    ),
    Metric(
        "relative_cost",
        "1",
        "`seconds` divided by the seconds of one evaluation of log p(x, z), or f, at one sample, without derivative",
        "time per gradient / time per evaluation",
        better=-1,
        positive=True,
        limits=_SIZE,
        heading="gradient/evaluation",
        whole=True,
    ),
    Metric(
        "evaluations",
        "1",
        "evaluations of log p(x, z), or f, per datapoint for one gradient estimate",
        "evaluations per gradient",
        better=-1,
        positive=True,
        limits=_SIZE,
        heading="evaluations",
        whole=True,
    ),
    Metric(
        "peak_memory",
        "bytes",
        "peak memory of one gradient estimate",
        "peak memory",
        better=-1,
        positive=True,
        limits=_SIZE,
        whole=True,
    ),
    Metric(
        "work_variance",
        "nats²/param² · s",
        "`variance` × `seconds`: ranks estimators at equal time",
        "variance × time",
        better=-1,
        positive=True,
        limits=_SIZE,
        is_noise=True,
    ),
    Metric(
        "mean",
        "nats/param",
        "mean of one coordinate of the gradient estimate",
        "mean gradient",
        heading="mean",
        of_coordinates=True,
    ),
    Metric(
        "true_gradient",
        "nats/param",
        "the same coordinate of the gradient of the target, as `reference` has it",
        "true gradient",
        heading="truth",
        reference="target",
        of_coordinates=True,
    ),
)
"""The metrics of the `gradients` table."""

OF_COORDINATES: Final = tuple(metric.name for metric in METRICS.values() if metric.of_coordinates)
"""Those that single coordinates have, and no other group."""

FINAL_VALUES: Final = _by_name(
    Metric(
        "objective",
        "`unit`",
        "final value of the target of expectation tasks and, on test data, of β-VAEs",
        "objective",
        of_task=True,
    ),
    Metric("train_elbo", "`unit`", "ELBO of the training data", "train ELBO", better=1),
    *_split("train", "the training data"),
    Metric("log_evidence", "`unit`", "exact log p(x) of the training data, if the task has it", "log p(x)"),
    Metric(
        "gap",
        "`unit`",
        "`log_evidence` − ELBO = KL(q(z|x) ‖ p(z|x)), of the training data; for the exact ELBO if the task has one "
        "(`gap_se` is zero), not for `train_elbo`, which is sampled",
        "gap",
        heading="gap (KL)",
    ),
    Metric(
        "validation_objective", "`unit`", "`objective` of β-VAEs, on rows held back", "validation objective", better=1
    ),
    Metric("validation_elbo", "`unit`", "ELBO of training rows held back", "validation ELBO", better=1),
    *_split("validation", "training rows held back"),
    Metric(
        "validation_log_likelihood",
        "`unit`",
        "importance-weighted bound on log p(x) of training rows held back",
        "validation log p(x) ≥",
        better=1,
    ),
    _perplexity("validation", "training rows held back"),
    Metric("test_elbo", "`unit`", "ELBO of the test data", "test ELBO", better=1),
    *_split("test", "the test data"),
    Metric(
        "test_log_likelihood",
        "`unit`",
        "importance-weighted bound on log p(x) of the test data",
        "test log p(x) ≥",
        better=1,
    ),
    _perplexity("test", "the test data"),
    Metric(
        "seconds_per_step",
        "s",
        "training time per step; for a step of several seeds, each one's share",
        "seconds per step",
        better=-1,
        positive=True,
    ),
    Metric(
        "evaluations",
        "1",
        "evaluations of log p(x, z), or f, per datapoint for one gradient",
        "evaluations per gradient",
        better=-1,
        positive=True,
    ),
    Metric(
        "clipped",
        "1",
        "share of the training steps whose gradient was clipped (`--clip-norm`), which biases it",
        "steps clipped",
    ),
)
"""What training ends with: columns of the `final` table, which have their standard errors as `NAME_se`, if any."""

ACTIVE_UNITS: Final = Metric(
    "active_units", "1", "units u of Gaussian latents with Var_x(E_q[u]) > 0.01 over the test images", "active units"
)
"""A count of the `final` table, of which seeds have a range and not a mean."""


def about(name: str) -> Metric:
    """Return what is known of a metric or a final value; of any other, what its name says."""
    return METRICS.get(name) or FINAL_VALUES.get(name) or Metric(name, "1", "", name.replace("_", " "))


GROUPS: Final = {"all": "all parameters", "guide": "guide φ", "model": "model θ"}
"""What the parameter groups that are not a single parameter are called."""

PARTS: Final = ("guide", "model")
"""The parameter groups that are shown unless others are asked for."""


def group_name(group: str) -> str:
    """Return what a parameter group is called."""
    return GROUPS.get(group, group)
