"""What the record of a cell, and the note about an invocation, hold.

A field's unit and meaning are in its metadata. `bench.results.columns` makes the tables' columns of them, and
`results/README.md` documents both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from typing import Final as Constant

from msgspec import Meta

from bench.decoding import Amount, Count, Share, Size
from bench.fields import column
from bench.results.metrics import ACTIVE_UNITS, FINAL_VALUES, Metric
from bench.settings import Cell

SCHEMA_VERSION: Constant = 9

Status = Literal["done", "diverged", "failed", "limited"]


def _value(metric: Metric) -> Mapping[str, Any]:
    return column(metric.unit, metric.meaning)


def _error(of: str, more: str = "") -> Mapping[str, Any]:
    return column(FINAL_VALUES[of].unit, f"standard error of `{of}`{more}")


@dataclass(frozen=True)
class GradientRow:
    """One moment of one parameter group's gradient estimate, at one training step."""

    step: Count = field(metadata=column("steps", "training steps taken before the measurement"))
    group: str = field(
        metadata=column("", "parameter group: `all`, `guide` (φ), `model` (θ), one parameter's name, or one coordinate")
    )
    metric: str = field(metadata=column("", "what was measured; see the metrics"))
    value: float = field(metadata=column("`unit`", "the estimate of the metric"))
    se: float = field(metadata=column("`unit`", "its standard error"))
    ci_low: float = field(metadata=column("`unit`", "lower end of its 95% interval"))
    ci_high: float = field(metadata=column("`unit`", "upper end of its 95% interval"))
    n: Count = field(metadata=column("1", "number of replicates R; 0 if exact"))
    reference: str = field(
        metadata=column("", "where the true gradient came from, and its precision; empty if none is used")
    )
    target: str = field(metadata=column("", "target whose gradient is estimated"))
    # None for metrics that are no norm, and in records of an earlier version.
    square: float | None = field(
        default=None,
        metadata=column("`unit`²", "for `bias` and `snr`: unbiased estimate of the square; may be negative"),
    )


@dataclass(frozen=True)
class TrainingRow:
    """Where training was at one step."""

    step: Count = field(metadata=column("steps", "training steps taken"))
    seconds: Amount = field(
        metadata=column(
            "s", "training time so far, without evaluation and measurement; for steps of several seeds, its share"
        )
    )
    objective: float = field(
        metadata=column("nats", "mean estimate of the target over the steps since the previous row")
    )
    objective_se: float = field(metadata=column("nats", "standard error of `objective`"))
    gradient_norm_guide: float = field(metadata=column("nats/param", "norm of φ's gradient estimate at this step"))
    gradient_norm_model: float = field(metadata=column("nats/param", "norm of θ's gradient estimate at this step"))
    model_lr: float = field(metadata=column("", "step size ρ of θ at this step"))
    guide_lr: float = field(metadata=column("", "step size η of φ at this step"))
    updated: Literal["guide", "model", "both"] = field(
        default="both",
        metadata=column("", "`guide`, `model` or `both`: which of φ and θ changed since the previous row"),
    )
    objective_of: Literal["target", "relaxed"] = field(
        default="target",
        metadata=column(
            "", "whose value `objective` is: the `target`'s, or f's at `relaxed` draws, which is not a bound"
        ),
    )
    beta: Share = field(
        default=1.0,
        metadata=column(
            "1",
            "weight β of the divergence at this step; below 1, `objective` is for the target with that weight, which "
            "changed since the previous row",
        ),
    )
    clipped: Share = field(
        default=0.0, metadata=column("1", "share of the steps since the previous row whose gradient was clipped")
    )


@dataclass(frozen=True)
class Final:
    """The end of training, as the common evaluator sees it. None: the task has no such quantity."""

    unit: str = field(metadata=column("", "unit of the ELBOs, the log-likelihood and the objective"))
    steps: Count = field(metadata=column("steps", "training steps taken"))
    objective: float | None = field(default=None, metadata=_value(FINAL_VALUES["objective"]))
    objective_se: float | None = field(default=None, metadata=_error("objective"))
    train_elbo: float | None = field(default=None, metadata=_value(FINAL_VALUES["train_elbo"]))
    train_elbo_se: float | None = field(default=None, metadata=_error("train_elbo"))
    # None where the joint does not split, and in records of an earlier version.
    train_reconstruction: float | None = field(default=None, metadata=_value(FINAL_VALUES["train_reconstruction"]))
    train_reconstruction_se: float | None = field(default=None, metadata=_error("train_reconstruction"))
    train_kl: float | None = field(default=None, metadata=_value(FINAL_VALUES["train_kl"]))
    train_kl_se: float | None = field(default=None, metadata=_error("train_kl"))
    log_evidence: float | None = field(default=None, metadata=_value(FINAL_VALUES["log_evidence"]))
    gap: float | None = field(default=None, metadata=_value(FINAL_VALUES["gap"]))
    gap_se: float | None = field(default=None, metadata=_error("gap", "; zero if the ELBO is exact, too"))
    # None without rows held back, and in records of an earlier version.
    validation_objective: float | None = field(default=None, metadata=_value(FINAL_VALUES["validation_objective"]))
    validation_objective_se: float | None = field(default=None, metadata=_error("validation_objective"))
    validation_elbo: float | None = field(default=None, metadata=_value(FINAL_VALUES["validation_elbo"]))
    validation_elbo_se: float | None = field(default=None, metadata=_error("validation_elbo"))
    validation_reconstruction: float | None = field(
        default=None, metadata=_value(FINAL_VALUES["validation_reconstruction"])
    )
    validation_reconstruction_se: float | None = field(default=None, metadata=_error("validation_reconstruction"))
    validation_kl: float | None = field(default=None, metadata=_value(FINAL_VALUES["validation_kl"]))
    validation_kl_se: float | None = field(default=None, metadata=_error("validation_kl"))
    validation_log_likelihood: float | None = field(
        default=None, metadata=_value(FINAL_VALUES["validation_log_likelihood"])
    )
    validation_log_likelihood_se: float | None = field(default=None, metadata=_error("validation_log_likelihood"))
    validation_perplexity: float | None = field(default=None, metadata=_value(FINAL_VALUES["validation_perplexity"]))
    validation_perplexity_se: float | None = field(default=None, metadata=_error("validation_perplexity"))
    test_elbo: float | None = field(default=None, metadata=_value(FINAL_VALUES["test_elbo"]))
    test_elbo_se: float | None = field(default=None, metadata=_error("test_elbo"))
    test_reconstruction: float | None = field(default=None, metadata=_value(FINAL_VALUES["test_reconstruction"]))
    test_reconstruction_se: float | None = field(default=None, metadata=_error("test_reconstruction"))
    test_kl: float | None = field(default=None, metadata=_value(FINAL_VALUES["test_kl"]))
    test_kl_se: float | None = field(default=None, metadata=_error("test_kl"))
    test_log_likelihood: float | None = field(default=None, metadata=_value(FINAL_VALUES["test_log_likelihood"]))
    test_log_likelihood_se: float | None = field(default=None, metadata=_error("test_log_likelihood"))
    test_perplexity: float | None = field(default=None, metadata=_value(FINAL_VALUES["test_perplexity"]))
    test_perplexity_se: float | None = field(default=None, metadata=_error("test_perplexity"))
    evaluation_samples: Count | None = field(
        default=None, metadata=column("1", "samples per datapoint in the bounds on log p(x)")
    )
    active_units: Count | None = field(default=None, metadata=_value(ACTIVE_UNITS))
    seconds_per_step: float | None = field(default=None, metadata=_value(FINAL_VALUES["seconds_per_step"]))
    evaluations: float | None = field(default=None, metadata=_value(FINAL_VALUES["evaluations"]))
    # None in records of an earlier version.
    seeds_together: Size | None = field(
        default=None,
        metadata=column("1", "seeds trained in one step, this one included; compare times only where it is the same"),
    )
    # None without clipping, and in records of an earlier version.
    clipped: Share | None = field(default=None, metadata=_value(FINAL_VALUES["clipped"]))
    diverged_at: Count | None = field(
        default=None, metadata=column("steps", "step at which training met a NaN or an infinity")
    )


@dataclass(frozen=True)
class Datapoint:
    """The bounds of one test datapoint, with the draws of the whole test set's."""

    datapoint: Count = field(metadata=column("", "its place in the test set, from 0"))
    elbo: float = field(
        metadata=column("nats", "its ELBO; `test_elbo` is their mean, or their sum if rows share latents")
    )
    elbo_se: float = field(metadata=column("nats", "standard error of `elbo` over its samples; NaN for a single one"))
    log_likelihood: float = field(
        metadata=column("nats", "importance-weighted bound on its log p(x); likewise for `test_log_likelihood`")
    )
    log_likelihood_se: float = field(
        metadata=column("nats", "standard error of `log_likelihood` over its samples, by the delta method, likewise")
    )


@dataclass(frozen=True)
class Written:
    """A file beside a record, as it was written.

    Attributes:
        bytes: how long it is.
        sha256: its digest.
    """

    bytes: Count
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Limit:
    """What a cell was stopped at: with a higher limit, or none, it goes on.

    Attributes:
        of: what was limited.
        reached: the seconds that the cell has taken, as its record has them, or the bytes that did not suffice.
    """

    of: Literal["time", "memory"]
    reached: Amount


@dataclass(frozen=True)
class Record:
    """Everything measured on one cell.

    `final` is None where the cell did not get to the end of training, `chunk` where nothing was measured, `parameters`
    where the cell failed or was limited, `limit` where it was not limited, `datapoints` where no test data was
    evaluated.
    """

    cell: Cell
    run: str = field(metadata=column("", "id of the invocation, a row of `runs`"))
    status: Status = field(metadata=column("", "`done`, `diverged`, `failed` or `limited`"))
    reason: str | None = field(metadata=column("", "why it failed or diverged, or which limit it reached"))
    started: str = field(metadata=column("UTC", "when the cell started, ISO 8601"))
    seconds: Amount = field(
        metadata=column(
            "s", "wall time of the cell, including evaluation and measurement, and its companions' if it had any"
        )
    )
    gradients: list[GradientRow] = field(default_factory=list)
    training: list[TrainingRow] = field(default_factory=list)
    final: Final | None = None
    chunk: Size | None = field(default=None, metadata=column("1", "replicates per batch in the measurement"))
    notes: list[str] = field(default_factory=list, metadata=column("", "what a reader of the numbers should know"))
    # None in records of an earlier version.
    task_source: str | None = field(
        default=None,
        metadata=column("", "code of a task from outside varbench: hash of its files, or distribution and version"),
    )
    estimator_source: str | None = field(
        default=None, metadata=column("", "likewise for an estimator from outside varbench")
    )
    # None in records of an earlier version, too.
    parameters: Written | None = None
    limit: Limit | None = None
    datapoints: Written | None = None


@dataclass(frozen=True)
class Begun:
    """A cell that is being run, or was when its process ended, and the id of the invocation that ran it."""

    cell: Cell
    run: str


@dataclass(frozen=True)
class Planned:
    """A cell that an invocation was to see to.

    Attributes:
        folder: where it lies below the results folder, or would.
        task: the task, without parameters that are defaults.
        estimator: the estimator, likewise.
    """

    folder: str
    task: str
    estimator: str


@dataclass(frozen=True)
class RunInfo:
    """One invocation of `bench run`: on what, with what. No host name, and no path but what `argv` gives."""

    run: str = field(metadata=column("", "id of the invocation: the time, then random digits"))
    started: str = field(metadata=column("UTC", "when it started, ISO 8601"))
    argv: list[str] = field(metadata=column("", "the command"))
    varbench: str = field(metadata=column("", "version of varbench"))
    python: str = field(metadata=column("", "version of Python"))
    torch: str = field(metadata=column("", "version of PyTorch"))
    numpy: str = field(metadata=column("", "version of NumPy"))
    git_commit: str | None = field(
        metadata=column("", "commit of varbench's checkout; missing if it is installed without one")
    )
    git_dirty: bool | None = field(metadata=column("", "whether that checkout had changes"))
    system: str = field(metadata=column("", "operating system and architecture"))
    cpu: str = field(metadata=column("", "model of the processor"))
    cores: Count = field(metadata=column("1", "processor cores that the process could use"))
    threads: Count = field(metadata=column("1", "threads that torch used for one operation"))
    gpu: str | None = field(metadata=column("", "model of the GPU; missing without one"))
    gpu_driver: str | None = field(metadata=column("", "version of its driver"))
    cuda: str | None = field(metadata=column("", "version of CUDA that torch was built for"))
    tf32_matmul: bool = field(metadata=column("", "whether matrix products on the GPU could round to TF32"))
    tf32_convolution: bool = field(metadata=column("", "whether convolutions on the GPU could"))
    deterministic: bool = field(metadata=column("", "whether torch was told to use deterministic algorithms only"))
    # Empty in notes of an earlier version.
    cells: list[Planned] = field(default_factory=list)
