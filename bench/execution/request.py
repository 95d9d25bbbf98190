"""What is asked for, before any of it is looked at: tasks, estimators, numbers of samples and seeds, and settings."""

from dataclasses import dataclass
from typing import Literal

from bench.names.registry import ESTIMATORS, TASKS
from bench.names.selecting import matches
from bench.names.spec import Spec


@dataclass(frozen=True)
class Exclusion:
    """Cells to leave out: those that agree in all that is given; None agrees with everything.

    Attributes:
        tasks: names, with or without parameters, or patterns as `vae-*`.
        estimators: likewise; or families, as `discrete:*`.
        samples: numbers K.
        said: what a message calls it.
    """

    tasks: tuple[str, ...] | None = None
    estimators: tuple[str, ...] | None = None
    samples: tuple[int, ...] | None = None
    said: str = ""

    def holds(self, task: Spec, estimator: Spec, samples: int) -> bool:
        """Return whether cells of a task, an estimator and K are left out."""
        return (
            (self.samples is None or samples in self.samples)
            and (self.tasks is None or any(matches(TASKS, one, task) for one in self.tasks))
            and (self.estimators is None or any(matches(ESTIMATORS, one, estimator) for one in self.estimators))
        )


@dataclass(frozen=True)
class Request:
    """What was asked for, with one value of each setting; None means the task's default.

    Attributes:
        chosen: those of `estimators` that a pattern has chosen: where they do not fit, they are left out and counted.
        compared: how many estimators are compared, where these are a part of them; several are measured at common
            parameters.
        exclude: cells that are left out.
    """

    tasks: tuple[Spec, ...]
    estimators: tuple[Spec, ...]
    samples: tuple[int, ...] | None = None
    seeds: tuple[int, ...] = (0,)
    steps: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    model_lr: float | None = None
    guide_lr: float | None = None
    schedule: str | None = None
    model_schedule: str | None = None
    guide_schedule: str | None = None
    learning: str = "joint"
    kl_warmup: str | None = None
    clip_norm: float | None = None
    validation: float | None = None
    replicates: int | None = None
    precision: float | None = None
    checkpoints: int | None = None
    evaluation_samples: int | None = None
    at: Literal["own", "shared"] | None = None
    dtype: Literal["float32", "float64"] | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    tf32: bool = False
    chosen: frozenset[str] = frozenset()
    compared: int | None = None
    exclude: tuple[Exclusion, ...] = ()

    @property
    def several(self) -> bool:
        """Return whether estimators are compared with each other, at common parameters unless that is not asked for."""
        return (self.compared or len(self.estimators)) > 1
