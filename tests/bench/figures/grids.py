"""Results of many cells, made without running anything."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.results.schema import Final, GradientRow, TrainingRow
from bench.results.store import Store
from bench.results.tables import Results, load
from bench.settings import Cell
from tests.bench.results.samples import RUN, cell, gradient, record

ESTIMATORS = ("reinforce", "reinforce-loo", "reparam")
STEPS = (0, 10, 100)
GROUPS = ("all", "guide", "model")


def make(
    folder: Path,
    estimators: Sequence[str] = ESTIMATORS,
    samples: Sequence[int] = (1, 2, 4, 8),
    seeds: Sequence[int] = (0, 1, 2),
    tasks: Sequence[str] = ("ppca",),
) -> Results:
    """Write a record per combination and return the tables. Variance and bias are 1/K of known numbers, with noise."""
    store = Store(folder)
    generator = np.random.default_rng(0)
    for task in tasks:
        for number, estimator in enumerate(estimators):
            for count in samples:
                for seed in seeds:
                    one = cell(
                        task=task,
                        task_parameters={},
                        estimator=estimator,
                        estimator_parameters={},
                        samples=count,
                        seed=seed,
                    )
                    store.write(
                        record(
                            one,
                            gradients=_gradients(one, number, generator),
                            training=_training(generator),
                            final=Final(
                                "nats per datapoint",
                                100,
                                train_elbo=-100.0 - number + generator.normal(),
                                train_elbo_se=0.1,
                                test_elbo=-101.0 - number + generator.normal(),
                                test_elbo_se=0.2,
                                evaluations=float(count),
                                seconds_per_step=0.01,
                            ),
                        )
                    )
    store.write_run(RUN)
    return load(folder)


def of_degrees(results: Results) -> Results:
    """Return results in which each K stands for one of a polynomial's degrees; 4 has the most evidence."""
    degrees = []
    for table in (results.gradients, results.training, results.final):
        named = table.assign(task_parameters=[f"degree={count}" for count in table["samples"]])
        degrees.append(named.assign(task="polynomial-regression", samples=1))
    evidence = [-10.0 - abs(count - 4) for count in results.final["samples"]]
    return Results(degrees[0], degrees[1], degrees[2].assign(log_evidence=evidence), results.runs)


def mixed(folder: Path) -> Results:
    """Return variances, ± 5%: two estimators of the ELBO, a biased one with the least, and two K of another target."""
    store = Store(folder)
    for name, samples, target, variance in (
        ("reinforce", 5, "elbo", 9.0),
        ("reparam", 5, "elbo", 4.0),
        ("gumbel-softmax", 5, "elbo", 1.0),
        ("iwae", 5, "iwae", 0.5),
        ("dreg", 5, "iwae", 0.3),
        ("dreg", 20, "iwae", 0.1),
    ):
        one = cell(estimator=name, estimator_parameters={}, samples=samples)
        rows = [
            gradient(metric, variance, group="all", target=target, se=variance / 20)
            for metric in ("variance", "work_variance", "mse")
        ]
        seconds = gradient("seconds", 1.0, group="all", target=target)
        store.write(record(one, gradients=[*rows, seconds]))
    return load(folder)


def _gradients(of: Cell, number: int, generator: np.random.Generator) -> list[GradientRow]:
    rows = []
    for step in STEPS:
        for size, group in enumerate(GROUPS):
            variance = 10.0 ** (number + size) / of.samples * math.exp(0.1 * generator.normal())
            bias = 0.5 / of.samples * math.exp(0.05 * generator.normal())
            for metric, value in {
                "variance": variance,
                "bias": bias,
                "relative_bias": bias / 2,
                "snr": of.samples**0.5,
                "cosine": 0.5,
                "work_variance": variance * 1e-3 * of.samples,
            }.items():
                rows.append(gradient(metric, value, step, group))
        for metric, value in {"seconds": 1e-3 * of.samples, "evaluations": float(of.samples)}.items():
            rows.append(gradient(metric, value, step, "all"))
    return rows


def _training(generator: np.random.Generator) -> list[TrainingRow]:
    return [
        TrainingRow(step, step * 0.01, -200 + step + generator.normal(), math.nan, 1.0, 2.0, 1e-3, 1e-2)
        for step in range(1, 101)
    ]
