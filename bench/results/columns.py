"""The columns of the four tidy tables, and the metrics: name, type, unit, meaning.

`results/README.md` shows the same to a reader; a test compares the two.
"""

import math
from typing import Final, NamedTuple


class Column(NamedTuple):
    """One column; `dtype` is the pandas one, in which capitals mark integers that may be missing."""

    name: str
    dtype: str
    unit: str
    meaning: str


class Metric(NamedTuple):
    """One metric of the `gradients` table. Where a task's target is not in nats, read its unit for nats.

    A `positive` one is compared by ratios: its intervals over seeds are Student's on the logarithm.
    """

    unit: str
    meaning: str
    positive: bool = False


METRICS: Final[dict[str, Metric]] = {
    "variance": Metric(
        "nats²/param²", "trace of the covariance of the gradient estimate on the common batch, Σ_p s_p²", True
    ),
    "variance_mean": Metric("nats²/param²", "`variance` divided by the number of parameters", True),
    "bias": Metric("nats/param", "norm of (mean gradient − gradient of the target), noise subtracted"),
    "relative_bias": Metric("1", "`bias` divided by the norm of the gradient of the target"),
    "bias_evidence": Metric("nats/param", "the same as `bias` against ∇ log p(x)"),
    "mse": Metric("nats²/param²", "`bias`² + `variance`", True),
    "snr": Metric("1", "norm of the mean gradient, noise subtracted, divided by √`variance`"),
    "snr_mean": Metric("1", "mean over coordinates of |mean| / standard deviation"),
    "cosine": Metric("1", "mean cosine of the angle between a gradient estimate and the gradient of the target"),
    "variance_sampling": Metric("nats²/param²", "due to z: `variance` on other minibatches, their mean", True),
    "variance_minibatch": Metric(
        "nats²/param²", "due to the choice of minibatch: variance of the mean gradient between minibatches", True
    ),
    "seconds": Metric("s", "time of one gradient estimate at the training batch size", True),
    "evaluations": Metric("1", "evaluations of log p(x, z), or f, per datapoint for one gradient estimate", True),
    "peak_memory": Metric("bytes", "most memory that one gradient estimate held", True),
    "work_variance": Metric("nats²/param² · s", "`variance` × `seconds`: ranks estimators at equal time", True),
}


def positive(metric: str) -> bool:
    """Return whether a metric, or a final value, is positive by its nature."""
    return metric == "seconds_per_step" or (metric in METRICS and METRICS[metric].positive)


def limits(metric: str) -> tuple[float, float]:
    """Return the least and the most that a metric can be; Student's interval knows nothing of either."""
    return (-1.0, 1.0) if metric == "cosine" else (0.0, math.inf)


IDENTITY: Final[tuple[Column, ...]] = (
    Column("cell", "string", "", "id of the cell: a hash of everything that its results depend on"),
    Column("configuration", "string", "", "id without the seed: cells that differ in nothing else share it"),
    Column("task", "string", "", "name of the task"),
    Column("task_parameters", "string", "", "its parameters, `name=value` with commas between, defaults included"),
    Column("task_version", "int64", "", "version of the task's definition"),
    Column("estimator", "string", "", "name of the estimator"),
    Column("estimator_parameters", "string", "", "its parameters, likewise"),
    Column("estimator_version", "int64", "", "version of the estimator's definition"),
    Column("samples", "int64", "1", "Monte Carlo samples K per datapoint in one gradient estimate"),
    Column("seed", "int64", "", "seed of the training run"),
    Column("dataset", "string", "", "data that the task was given, with its version; empty without data"),
    Column("dtype", "string", "", "floating-point type of parameters and samples"),
    Column("device", "string", "", "device type: cpu or cuda"),
)

GRADIENTS: Final[tuple[Column, ...]] = (
    *IDENTITY,
    Column("step", "int64", "steps", "training steps taken before the measurement"),
    Column("group", "string", "", "parameter group: `all`, `guide` (φ), `model` (θ), or one parameter's name"),
    Column("metric", "string", "", "what was measured; see the metrics"),
    Column("value", "float64", "`unit`", "the estimate of the metric"),
    Column("se", "float64", "`unit`", "its standard error"),
    Column("ci_low", "float64", "`unit`", "lower end of its 95% interval"),
    Column("ci_high", "float64", "`unit`", "upper end of its 95% interval"),
    Column("n", "int64", "1", "replicates R that it comes from"),
    Column("reference", "string", "", "where the true gradient came from, and how precise it is; empty if none enters"),
    Column("target", "string", "", "target that the gradient is meant to be of"),
    Column("unit", "string", "", "unit of the metric"),
    Column("square", "float64", "`unit`²", "of `bias` and `snr`: unbiased estimate of the square; may be negative"),
)

TRAINING: Final[tuple[Column, ...]] = (
    *IDENTITY,
    Column("step", "int64", "steps", "training steps taken"),
    Column(
        "seconds",
        "float64",
        "s",
        "training time so far, without evaluation and measurement; of several seeds' steps, its share",
    ),
    Column("objective", "float64", "nats", "mean estimate of the target over the steps since the previous row"),
    Column("objective_se", "float64", "nats", "standard error of `objective`"),
    Column("gradient_norm_guide", "float64", "nats/param", "norm of φ's gradient estimate at this step"),
    Column("gradient_norm_model", "float64", "nats/param", "norm of θ's gradient estimate at this step"),
    Column("model_lr", "float64", "", "step size ρ of θ at this step"),
    Column("guide_lr", "float64", "", "step size η of φ at this step"),
    Column("updated", "string", "", "`guide`, `model` or `both`: which of φ and θ changed since the previous row"),
)

FINAL: Final[tuple[Column, ...]] = (
    *IDENTITY,
    Column("status", "string", "", "`done`, `diverged` or `failed`"),
    Column("reason", "string", "", "why it failed or diverged"),
    Column("unit", "string", "", "unit of the ELBOs, the log-likelihood and the objective"),
    Column(
        "objective", "float64", "`unit`", "final value of the target of expectation tasks and, on test data, of β-VAEs"
    ),
    Column("objective_se", "float64", "`unit`", "standard error of `objective`"),
    Column("train_elbo", "float64", "`unit`", "ELBO of the training data"),
    Column("train_elbo_se", "float64", "`unit`", "standard error of `train_elbo`"),
    Column("log_evidence", "float64", "`unit`", "exact log p(x) of the training data, where the task has it"),
    Column("gap", "float64", "`unit`", "`log_evidence` − ELBO = KL(q(z|x) ‖ p(z|x)), of the training data"),
    Column("gap_se", "float64", "`unit`", "standard error of `gap`; zero where the ELBO is exact too"),
    Column("test_elbo", "float64", "`unit`", "ELBO of the test data"),
    Column("test_elbo_se", "float64", "`unit`", "standard error of `test_elbo`"),
    Column("test_log_likelihood", "float64", "`unit`", "importance-weighted bound on log p(x) of the test data"),
    Column("test_log_likelihood_se", "float64", "`unit`", "standard error of `test_log_likelihood`"),
    Column("evaluation_samples", "Int64", "1", "samples per datapoint in `test_log_likelihood`"),
    Column("active_units", "Int64", "1", "units u of Gaussian latents with Var_x(E_q[u]) > 0.01 over the test images"),
    Column("seconds_per_step", "float64", "s", "training time per step; of a step of several seeds, each one's share"),
    Column("evaluations", "float64", "1", "evaluations of log p(x, z), or f, per datapoint for one gradient"),
    Column(
        "seeds_together",
        "Int64",
        "1",
        "seeds trained in one step, this one included; compare times only where it is the same",
    ),
    Column("steps", "Int64", "steps", "training steps taken"),
    Column("diverged_at", "Int64", "steps", "step at which training met a NaN or an infinity"),
    Column("run", "string", "", "id of the invocation, a row of `runs`"),
    Column("started", "string", "UTC", "when the cell started, ISO 8601"),
    Column(
        "seconds",
        "float64",
        "s",
        "wall time of the cell, evaluation and measurement included, its companions' too if it had any",
    ),
    Column("chunk", "Int64", "1", "replicates per batch in the measurement"),
    Column("notes", "string", "", "what a reader of the numbers should know"),
    Column("training_steps", "int64", "steps", "training steps asked for"),
    Column("training_batch_size", "int64", "1", "datapoints in a minibatch"),
    Column("training_optimizer", "string", "", "optimizer"),
    Column("training_model_lr", "float64", "", "step size ρ of θ asked for"),
    Column("training_guide_lr", "float64", "", "step size η of φ asked for"),
    Column("training_schedule", "string", "", "how the step sizes change"),
    Column("training_model_schedule", "string", "", "how ρ changes, where it differs; empty where not"),
    Column("training_learning", "string", "", "`joint` updates of φ and θ, or `em`: blocks of each in turn"),
    Column("measurement_at", "string", "", "moments on each estimator's `own` trajectory, or at `shared` parameters"),
    Column("measurement_replicates", "Int64", "1", "replicates asked for; missing: as many as the precision takes"),
    Column("measurement_replicates_cap", "int64", "1", "most replicates that the precision may take"),
    Column("measurement_precision", "float64", "1", "relative half-width of the variance's 95% interval to stop at"),
    Column("measurement_checkpoints", "int64", "1", "training steps that moments are measured at"),
    Column("measurement_evaluation_samples", "int64", "1", "samples asked for in the test log-likelihood"),
)

RUNS: Final[tuple[Column, ...]] = (
    Column("run", "string", "", "id of the invocation: the time, then random digits"),
    Column("started", "string", "UTC", "when it started, ISO 8601"),
    Column("argv", "string", "", "the command"),
    Column("varbench", "string", "", "version of varbench"),
    Column("python", "string", "", "version of Python"),
    Column("torch", "string", "", "version of PyTorch"),
    Column("numpy", "string", "", "version of NumPy"),
    Column("git_commit", "string", "", "commit of varbench's checkout; missing where it is installed without one"),
    Column("git_dirty", "boolean", "", "whether that checkout had changes"),
    Column("system", "string", "", "operating system and architecture"),
    Column("cpu", "string", "", "model of the processor"),
    Column("cores", "int64", "1", "processor cores that the process could use"),
    Column("threads", "int64", "1", "threads that torch used for one operation"),
    Column("gpu", "string", "", "model of the GPU; missing without one"),
    Column("gpu_driver", "string", "", "version of its driver"),
    Column("cuda", "string", "", "version of CUDA that torch was built for"),
    Column("tf32_matmul", "boolean", "", "whether matrix products on the GPU could round to TF32"),
    Column("tf32_convolution", "boolean", "", "whether convolutions on the GPU could"),
    Column("deterministic", "boolean", "", "whether torch was told to use deterministic algorithms only"),
)

TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "gradients": GRADIENTS,
    "training": TRAINING,
    "final": FINAL,
    "runs": RUNS,
}
