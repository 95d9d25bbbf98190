"""What is run: the identity of one cell, and its id."""

import hashlib
import json
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Annotated, Any, Literal

from msgspec import Meta

from bench.decoding import Amount, AsWritten, Count, Size
from bench.escaping import file_name
from bench.fields import column
from bench.names.spec import Spec, Value
from tasks.data.files import parameter_of


@dataclass(frozen=True)
class Training:
    """How a cell's parameters are trained."""

    steps: Count = field(metadata=column("steps", "training steps asked for"))
    batch_size: Count = field(metadata=column("1", "datapoints in a minibatch"))
    optimizer: str = field(
        metadata=column(
            "",
            "optimizer, with its settings that are not defaults; `own`: a training loop outside varbench, whose step "
            "sizes are not known, and zero",
        )
    )
    model_lr: AsWritten = field(metadata=column("", "step size ρ of θ asked for"))
    guide_lr: AsWritten = field(metadata=column("", "step size η of φ asked for"))
    schedule: str = field(metadata=column("", "how the step sizes change"))
    model_schedule: str = field(default="", metadata=column("", "how ρ changes if it differs, else empty"))
    learning: str = field(
        default="joint", metadata=column("", "`joint` updates of φ and θ, or `em`: blocks of each in turn")
    )
    validation: Annotated[float, Meta(ge=0, lt=1)] = field(
        default=0.0, metadata=column("1", "share of the training rows that is held back (`--validation`)")
    )
    kl_warmup: str = field(
        default="", metadata=column("", "how the divergence's weight β rises to 1 (`--kl-warmup`); empty if it is 1")
    )
    clip_norm: Amount = field(
        default=0.0,
        metadata=column(
            "nats/param", "norm to which gradients of φ and θ together are clipped (`--clip-norm`); 0: none"
        ),
    )


@dataclass(frozen=True)
class Measurement:
    """How gradient moments are measured. All but where they are decides on the precision only, and on what it costs."""

    at: Literal["own", "shared"] = field(
        metadata=column("", "moments on each estimator's `own` trajectory, or at `shared` parameters")
    )
    replicates: Count | None = field(
        metadata=column("1", "replicates asked for; missing: as many as the precision takes", apart=False)
    )
    replicates_cap: Count = field(metadata=column("1", "the most replicates that the precision may take", apart=False))
    precision: AsWritten = field(
        metadata=column("1", "relative half-width of the variance's 95% interval to stop at", apart=False)
    )
    checkpoints: Count = field(
        metadata=column("1", "number of training steps at which moments are measured", apart=False)
    )
    evaluation_samples: Count = field(metadata=column("1", "samples asked for in the test log-likelihood", apart=False))


@dataclass(frozen=True)
class Cell:
    """One row of a comparison. Equal cells have equal ids and are run once."""

    task: str = field(metadata=column("", "name of the task"))
    task_parameters: dict[str, Value] = field(
        metadata=column("", "its parameters, `name=value` separated by commas, including defaults")
    )
    task_version: Count = field(metadata=column("", "version of the task's definition", apart=False))
    estimator: str = field(metadata=column("", "name of the estimator"))
    estimator_parameters: dict[str, Value] = field(metadata=column("", "its parameters, likewise"))
    estimator_version: Count = field(metadata=column("", "version of the estimator's definition", apart=False))
    samples: Size = field(metadata=column("1", "Monte Carlo samples K per datapoint in one gradient estimate"))
    seed: Count = field(metadata=column("", "seed of the training run", apart=False))
    dataset: str = field(
        metadata=column(
            "",
            "data that the task was given, with its version, or `PARAMETER=sha256:DIGEST` for your own file; empty "
            "without data",
        )
    )
    dtype: Literal["float32", "float64"] = field(metadata=column("", "floating-point type of parameters and samples"))
    device: Literal["cpu", "cuda"] = field(metadata=column("", "device type: cpu or cuda"))
    training: Training
    measurement: Measurement
    tf32: bool = field(
        default=False, metadata=column("", "whether a GPU could round float32 products to TF32 (`--tf32`)")
    )

    def settings(self) -> dict[str, Any]:
        """Return all that the cell is, as plain JSON values.

        The dictionaries in it are the cell's own. Settings that came later are left out at their defaults, so that
        earlier cells keep their ids.
        """
        return {
            **_without_defaults(self),
            "training": _without_defaults(self.training),
            "measurement": _without_defaults(self.measurement),
        }

    def identity(self) -> dict[str, Any]:
        """Return everything that the results depend on: `settings` except for where a file of the user's lies.

        What is in the file is part of `dataset`.
        """
        own = parameter_of(self.dataset)
        parameters = {key: value for key, value in self.task_parameters.items() if key != own}
        return {**self.settings(), "task_parameters": parameters}

    @cached_property
    def id(self) -> str:
        """Return the first 16 hex digits of the SHA-256 of the canonical JSON of the identity."""
        return cell_id(self.identity())

    @cached_property
    def configuration(self) -> str:
        """Return the id without the seed: cells that differ in nothing else share it."""
        return cell_id({key: value for key, value in self.identity().items() if key != "seed"})

    @property
    def along_trajectory(self) -> bool:
        """Return whether moments are measured along the reference trajectory, which has no end without training."""
        return self.measurement.at == "shared" and self.training.steps > 0

    @property
    def task_folder(self) -> str:
        """Return where all of the task lies below a results folder."""
        return file_name(self.task)

    @property
    def folder(self) -> str:
        """Return where the cell lies below a results folder."""
        return f"{self.task_folder}/{file_name(self.estimator)}-K{self.samples}-seed{self.seed}-{self.id}"

    @property
    def task_spec(self) -> Spec:
        """Return the task with its resolved parameters."""
        return Spec(self.task, self.task_parameters)

    @property
    def estimator_spec(self) -> Spec:
        """Return the estimator with its resolved parameters."""
        return Spec(self.estimator, self.estimator_parameters)


def cell_id(identity: dict[str, Any]) -> str:
    """Return the id of an identity, which does not depend on the order of its keys."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _without_defaults(settings: Cell | Training | Measurement) -> dict[str, Any]:
    values = {one.name: (getattr(settings, one.name), one.default) for one in fields(settings)}
    return {name: value for name, (value, default) in values.items() if value != default}
