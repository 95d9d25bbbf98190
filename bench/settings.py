"""What is run: the identity of one cell, and its id."""

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal

from bench.names.spec import Spec, Value


@dataclass(frozen=True)
class Training:
    """How a cell's parameters are trained. Learning rates: `model_lr` ρ for θ, `guide_lr` η for φ.

    `model_schedule` is that of ρ where it is not the `schedule` of η, else empty; `learning` is `joint` or `em(...)`.
    """

    steps: int
    batch_size: int
    optimizer: Literal["adam", "sgd"]
    model_lr: float
    guide_lr: float
    schedule: str
    model_schedule: str = ""
    learning: str = "joint"


@dataclass(frozen=True)
class Measurement:
    """How gradient moments are measured.

    Attributes:
        at: `own` trajectory of each estimator, or at common parameters (`shared`).
        replicates: a fixed number R, or None: until `precision` is reached or `replicates_cap` replicates are drawn.
        precision: relative half-width of the 95% interval of the variance to stop at.
        checkpoints: how many log-spaced training steps are measured at, the first and the last included.
        evaluation_samples: K of the importance-weighted log-likelihood at the end.
    """

    at: Literal["own", "shared"]
    replicates: int | None
    replicates_cap: int
    precision: float
    checkpoints: int
    evaluation_samples: int


@dataclass(frozen=True)
class Cell:
    """One row of a comparison. Equal cells have equal ids and are run once."""

    task: str
    task_parameters: dict[str, Value]
    task_version: int
    estimator: str
    estimator_parameters: dict[str, Value]
    estimator_version: int
    samples: int
    seed: int
    dataset: str
    dtype: Literal["float32", "float64"]
    device: Literal["cpu", "cuda"]
    training: Training
    measurement: Measurement

    def identity(self) -> dict[str, Any]:
        """Return everything that the results depend on, as plain JSON values.

        Settings of training that came later are left out at their defaults, so that earlier cells keep their ids.
        """
        identity = asdict(self)
        defaults = {field.name: field.default for field in fields(Training) if field.default is not MISSING}
        identity["training"] = {
            name: value
            for name, value in identity["training"].items()
            if name not in defaults or value != defaults[name]
        }
        return identity

    @property
    def id(self) -> str:
        """Return the first 16 hex digits of the SHA-256 of the canonical JSON of the identity."""
        return cell_id(self.identity())

    @property
    def task_folder(self) -> str:
        """Return where all of the task lies below a results folder."""
        return _file_name(self.task)

    @property
    def folder(self) -> str:
        """Return where the cell lies below a results folder."""
        return f"{self.task_folder}/{_file_name(self.estimator)}-K{self.samples}-seed{self.seed}-{self.id}"

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


def cell_from_identity(identity: dict[str, Any]) -> Cell:
    """Return the cell that has this identity."""
    return Cell(
        **{
            **identity,
            "training": Training(**identity["training"]),
            "measurement": Measurement(**identity["measurement"]),
        }
    )


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
