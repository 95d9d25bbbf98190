"""Measured cells made by hand, as `match` returns them."""

from typing import Any

from bench.compare.matching import Match, MeasuredCell, Row

ROW: Row = {
    "task": "gaussian-cosine",
    "task_parameters": "k=1.0",
    "task_version": 1,
    "estimator": "reinforce",
    "estimator_parameters": "",
    "estimator_version": 1,
    "samples": 1,
    "dataset": "none",
    "dtype": "float64",
    "device": "cpu",
    "tf32": False,
    "training_steps": 100,
    "training_batch_size": 1,
    "training_optimizer": "adam",
    "training_model_lr": 0.0,
    "training_guide_lr": 0.01,
    "training_schedule": "constant",
    "training_model_schedule": "",
    "training_learning": "joint",
    "training_validation": 0.0,
    "training_kl_warmup": "",
    "training_clip_norm": 0.0,
    "measurement_at": "own",
    "run": "first",
    "status": "done",
    "reason": None,
    "test_elbo": None,
    "test_perplexity": None,
    "train_elbo": None,
    "objective": None,
    "notes": "",
}


def cell(gradients: dict[tuple[int, str, str], Row] | None = None, **changes: Any) -> MeasuredCell:
    """Return a cell without hardware, which differs from the usual one as asked."""
    return MeasuredCell({**ROW, **changes}, gradients or {}, None)


def gradient(value: float, low: float, high: float, target: str = "expectation") -> Row:
    """Return a row of the gradients table."""
    return {"value": value, "ci_low": low, "ci_high": high, "target": target}


def variance(value: float, spread: float = 0.05, **changes: Any) -> MeasuredCell:
    """Return a cell whose guide has this variance, ± a share, before training unless a step is given."""
    step = changes.pop("step", 0)
    row = gradient(value, value * (1 - spread), value * (1 + spread))
    return cell({(step, "guide", "variance"): row}, **changes)


def one_seed(base: MeasuredCell, new: MeasuredCell, seeds: tuple[int, int] = (0, 0)) -> Match:
    """Return the two as one experiment."""
    return Match({seeds[0]: base}, {seeds[1]: new})
