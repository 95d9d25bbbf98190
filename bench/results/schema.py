"""What the record of a cell, and the note about an invocation, hold.

The columns of the tables made from them are in `bench.results.columns`; `results/README.md` documents both.
"""

from dataclasses import dataclass, field
from typing import Final as Constant
from typing import Literal

from bench.settings import Cell

SCHEMA_VERSION: Constant = 3

Status = Literal["done", "diverged", "failed"]


@dataclass(frozen=True)
class GradientRow:
    """One moment of one parameter group's gradient estimate, at one training step.

    Attributes:
        step: training steps taken before the measurement.
        group: `all`, `guide`, `model`, or one parameter's name, such as `guide.loc`.
        metric: a key of `bench.results.columns.METRICS`, which has its unit.
        value: the estimate of the metric.
        se: its standard error.
        ci_low: lower end of its 95% interval.
        ci_high: upper end of its 95% interval.
        n: replicates R it comes from.
        reference: where the true gradient came from: `exact`, `reparam (Monte Carlo, ±1.2%)`; empty where none enters.
        target: the target that the gradient is meant to be of.
        square: of a norm that noise was subtracted from, the unbiased estimate of its square, which may be negative;
            None for other metrics, and in records of an earlier version.
    """

    step: int
    group: str
    metric: str
    value: float
    se: float
    ci_low: float
    ci_high: float
    n: int
    reference: str
    target: str
    square: float | None = None


@dataclass(frozen=True)
class TrainingRow:
    """Where training was at one step.

    Attributes:
        step: training steps taken.
        seconds: training time so far, without evaluation and measurement; of a step of several seeds, each one's share.
        objective: mean of the estimates of the target over the steps since the previous row.
        objective_se: its standard error.
        gradient_norm_guide: norm of φ's gradient estimate at this step.
        gradient_norm_model: norm of θ's gradient estimate at this step.
        model_lr: θ's step size ρ at this step.
        guide_lr: φ's step size η at this step.
        updated: `guide`, `model` or `both`: which of φ and θ changed since the previous row.
    """

    step: int
    seconds: float
    objective: float
    objective_se: float
    gradient_norm_guide: float
    gradient_norm_model: float
    model_lr: float
    guide_lr: float
    updated: Literal["guide", "model", "both"] = "both"


@dataclass(frozen=True)
class Final:
    """The end of training, as the common evaluator sees it. None: the task has no such quantity.

    Attributes:
        unit: what the ELBO, the log-likelihood and the objective are counted in, such as `nats per datapoint`.
        steps: training steps taken.
        objective: the task's target on expectation tasks; E log p(x|z) − β KL(q ‖ p) of the test data where β ≠ 1.
        train_elbo: ELBO of the training data.
        log_evidence: exact log p(x) of the training data.
        gap: `log_evidence` − training ELBO = KL(q(z|x) ‖ p(z|x)), with the exact ELBO where there is one.
        test_elbo: ELBO of the test data.
        test_log_likelihood: importance-weighted bound on log p(x) of the test data.
        evaluation_samples: samples per datapoint in `test_log_likelihood`.
        active_units: latent numbers u with Var_x(E_q[u]) > 0.01 over the test data, for Gaussian latents of images.
        seconds_per_step: training time per step; of a step of several seeds, each one's share.
        evaluations: evaluations of log p(x, z), or f, per datapoint for one gradient.
        seeds_together: seeds trained in one step, this one included; None in records of an earlier version.
        diverged_at: the step at which training met a NaN or an infinity.
    """

    unit: str
    steps: int
    objective: float | None = None
    objective_se: float | None = None
    train_elbo: float | None = None
    train_elbo_se: float | None = None
    log_evidence: float | None = None
    gap: float | None = None
    gap_se: float | None = None
    test_elbo: float | None = None
    test_elbo_se: float | None = None
    test_log_likelihood: float | None = None
    test_log_likelihood_se: float | None = None
    evaluation_samples: int | None = None
    active_units: int | None = None
    seconds_per_step: float | None = None
    evaluations: float | None = None
    seeds_together: int | None = None
    diverged_at: int | None = None


@dataclass(frozen=True)
class Record:
    """Everything measured on one cell.

    Attributes:
        cell: what was run.
        run: id of the invocation that ran it.
        status: `done`, `diverged` or `failed`.
        reason: why it failed or diverged.
        started: when, ISO 8601, UTC.
        seconds: wall time of the cell, evaluation and measurement included, its companions' too if it had any.
        gradients: moments of the gradient estimate.
        training: the course of training.
        final: the end of training; None where the cell did not get there.
        chunk: replicates per batch in the measurement; None where nothing was measured.
        notes: sentences that a reader of the numbers should know.
    """

    cell: Cell
    run: str
    status: Status
    reason: str | None
    started: str
    seconds: float
    gradients: list[GradientRow] = field(default_factory=list)
    training: list[TrainingRow] = field(default_factory=list)
    final: Final | None = None
    chunk: int | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunInfo:
    """One invocation of `bench run`: on what, with what. No host name, and no path but what `argv` gives.

    Attributes:
        run: id of the invocation; the time, then random digits.
        started: when, ISO 8601, UTC.
        argv: the command, word by word.
        varbench: version of this package, as are `python`, `torch` and `numpy`.
        git_commit: commit of varbench's checkout; None where it is installed without one.
        git_dirty: whether that checkout had changes.
        system: operating system and architecture.
        cpu: model of the processor.
        cores: processor cores that this process may use.
        threads: threads that torch uses for one operation.
        gpu: model of the GPU; None without one, as for `gpu_driver` and `cuda`.
        tf32_matmul: whether matrix products on the GPU may round to TF32.
        tf32_convolution: whether convolutions on the GPU may.
        deterministic: whether torch was told to use deterministic algorithms only.
    """

    run: str
    started: str
    argv: list[str]
    varbench: str
    python: str
    torch: str
    numpy: str
    git_commit: str | None
    git_dirty: bool | None
    system: str
    cpu: str
    cores: int
    threads: int
    gpu: str | None
    gpu_driver: str | None
    cuda: str | None
    tf32_matmul: bool
    tf32_convolution: bool
    deterministic: bool
