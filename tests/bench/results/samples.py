"""Cells and records that the tests of the results layer share."""

import dataclasses
import json
from typing import Any

import numpy as np

from bench.results.codec import with_digest
from bench.results.schema import Final, GradientRow, Limit, Record, RunInfo, TrainingRow
from bench.settings import Cell, Measurement, Training

TRAINING = Training(steps=100, batch_size=20, optimizer="adam", model_lr=1e-3, guide_lr=1e-2, schedule="constant")
MEASUREMENT = Measurement(
    at="own", replicates=None, replicates_cap=10_000, precision=0.05, checkpoints=3, evaluation_samples=100
)
RUN = RunInfo(
    run="20260101T000000Z-abcdef",
    started="2026-01-01T00:00:00+00:00",
    argv=["bench", "run", "--task", "vae-mnist", "--estimator", "rebar(temperature=0.3)"],
    varbench="0.1.0",
    python="3.11.7",
    torch="2.13.0",
    numpy="2.4.6",
    git_commit=None,
    git_dirty=None,
    system="Linux 6 x86_64",
    cpu="a processor",
    cores=2,
    threads=2,
    gpu=None,
    gpu_driver=None,
    cuda=None,
    tf32_matmul=False,
    tf32_convolution=True,
    deterministic=False,
)


def sealed(content: dict[str, Any]) -> bytes:
    """Return the file that holds this content, with the digest that belongs to it."""
    return with_digest(json.dumps(content).encode())


def of_version(version: int, data: bytes) -> dict[str, Any]:
    """Return the content of a file as if a version without digests had written it, which knew no parameters either."""
    content = {**json.loads(data), "schema_version": version}
    del content["sha256"]
    return before_8({key: value for key, value in content.items() if key != "parameters"})


def before_8(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record as of before version 8, when no rows were held back and no cell was limited."""
    content = {key: value for key, value in before_9(content).items() if key != "limit"}
    if content.get("final"):
        content["final"] = {key: value for key, value in content["final"].items() if not key.startswith("validation")}
    return content


def before_9(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a record as of before version 9: no bounds split, none of datapoints, nothing clipped."""
    if "training" not in content:
        return content
    content = {key: value for key, value in content.items() if key != "datapoints"}
    new = ("reconstruction", "kl", "perplexity", "clipped")
    final = content["final"] and {
        key: value for key, value in content["final"].items() if key.removesuffix("_se").rpartition("_")[2] not in new
    }
    rows = [{key: row[key] for key in row if key not in ("beta", "clipped")} for row in content["training"]]
    return {**content, "training": rows, "final": final}


def points(*values: float) -> dict[str, np.ndarray]:
    """Return bounds of test datapoints: these ELBOs, and what follows from them."""
    elbo = np.array(values)
    errors = {"elbo_se": np.full(len(elbo), 0.1), "log_likelihood_se": np.full(len(elbo), np.nan)}
    return {"elbo": elbo, "log_likelihood": elbo + 1} | errors


def cell(**changes: Any) -> Cell:
    """Return a cell that differs from the usual one as asked."""
    usual = Cell(
        task="vae-mnist",
        task_parameters={"hidden": 200},
        task_version=1,
        estimator="rebar",
        estimator_parameters={"temperature": 0.3, "learned": True},
        estimator_version=1,
        samples=1,
        seed=0,
        dataset="mnist",
        dtype="float32",
        device="cpu",
        training=TRAINING,
        measurement=MEASUREMENT,
    )
    return dataclasses.replace(usual, **changes)


def gradient(metric: str, value: float, step: int = 100, group: str = "guide", **changes: Any) -> GradientRow:
    """Return a row whose interval is value ± 10%."""
    row = GradientRow(
        step, group, metric, value, value / 20, value * 0.9, value * 1.1, n=1000, reference="exact", target="elbo"
    )
    return dataclasses.replace(row, **changes)


def record(of: Cell | None = None, **changes: Any) -> Record:
    """Return a finished record that differs from the usual one as asked."""
    of = of or cell()
    end = of.training.steps
    usual = Record(
        cell=of,
        run=RUN.run,
        status="done",
        reason=None,
        started="2026-01-01T00:00:00+00:00",
        seconds=12.5,
        gradients=[
            gradient("variance", 1.0, step=0),
            gradient("variance", 2.0, end),
            gradient("variance", 3.0, end, group="model"),
            gradient("evaluations", 1.0, end, group="all", reference="", se=0.0, ci_low=1.0, ci_high=1.0),
        ],
        training=[TrainingRow(end, 3.0, -180.5, 0.3, 1.0, 2.0, 1e-3, 1e-2)],
        final=Final("nats per datapoint", end, test_elbo=-181.0, test_elbo_se=0.5, seconds_per_step=0.03),
        chunk=50,
        notes=["a note"],
    )
    return dataclasses.replace(usual, **changes)


def limited(of: Cell | None = None, **changes: Any) -> Record:
    """Return the record of a cell that a limit of 60 s has stopped behind its first measurement."""
    usual = record(of)
    reached = dataclasses.replace(
        usual,
        status="limited",
        reason="time limit of 60 s reached at step 34 of 100, in training",
        seconds=60.4,
        gradients=usual.gradients[:1],
        training=[],
        final=None,
        limit=Limit("time", 60.4),
    )
    return dataclasses.replace(reached, **changes)
