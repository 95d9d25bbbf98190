"""Training: minibatches, step sizes, isolation of the estimator's state, and exact resume."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch

from bench.errors import UsageError
from bench.machine.streams import seeded
from bench.settings import Training
from bench.training.schedules import parse_schedule
from bench.training.trainer import Batches, Diverged, Trainer
from estimators.base import Estimator
from estimators.discrete.rebar import Rebar
from estimators.discrete.relax import Relax
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce_ema import ReinforceEMA
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.latent_variables.sbn_tiny import SBNTiny
from tasks.toys.gaussian import GaussianQuadratic

CPU = torch.device("cpu")


def settings(**changes: Any) -> Training:
    return Training(**{**asdict(Training(40, 8, "adam", 1e-2, 1e-2, "constant")), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"kl_warmup": "linear(steps=25)", "clip_norm": 2.0},
        {"kl_warmup": "cyclical(cycles=30)", "clip_norm": 2.0, "optimizer": "sgd(momentum=0.9)"},
        {"optimizer": "sgd"},
        {"optimizer": "rmsprop(momentum=0.5)", "schedule": "warmup(share=0.5, then=cosine)"},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_what_is_stopped_goes_on_to_the_last_bit(changes: dict[str, Any]) -> None:
    def fresh() -> Trainer:
        torch.manual_seed(0)
        task = LinearGaussian(dim=2, n=24).double()
        # Rows of five steps: step 17 is in the middle of one.
        return Trainer(task, ReinforceEMA().double(), task.load(), settings(steps=1000, **changes), 2)

    whole, first, second = fresh(), fresh(), fresh()
    with seeded(CPU, 1):
        list(whole.run(60))
    with seeded(CPU, 1):
        list(first.run(17))
        kept = first.state()
    second.restore(kept)
    list(second.run(60))
    assert len(whole.rows) == 12
    assert [{**vars(row), "seconds": 0} for row in second.rows] == [{**vars(row), "seconds": 0} for row in whole.rows]
    for one, other in zip(whole.loss.state_dict().values(), second.loss.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_batches_show_every_row_once_per_pass() -> None:
    torch.manual_seed(0)
    batches = Batches(torch.arange(12), 4)
    seen = torch.cat([batches.next() for _ in range(3)])
    assert sorted(seen.tolist()) == list(range(12))
    assert seen.tolist() != list(range(12))


def test_a_batch_as_large_as_the_data_is_the_data() -> None:
    rows = torch.arange(5)
    batches = Batches(rows, 100)
    assert batches.size == 5
    assert torch.equal(batches.next(), rows)


def test_the_mean_minibatch_gradient_is_the_full_gradient() -> None:
    """One pass of batches without replacement covers the data exactly, so that no standard error is needed."""
    task = LinearGaussian(dim=2, n=24).double()
    rows = task.load().train
    torch.manual_seed(0)
    batches = Batches(rows, 8)
    parameters = list(task.parameters())

    def gradient(x: torch.Tensor) -> list[torch.Tensor]:
        value = task.exact("elbo", x, 1)
        assert value is not None
        return list(torch.autograd.grad(value.mean(), parameters))

    parts = [gradient(batches.next()) for _ in range(3)]
    for whole, *pieces in zip(gradient(rows), *parts, strict=True):
        torch.testing.assert_close(torch.stack(pieces).mean(0), whole)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("constant", {0: 1.0, 999: 1.0}),
        ("robbins-monro(power=1, delay=10)", {0: 1.0, 10: 0.5, 90: 0.1}),
        # Stage i of Burda et al. (2016) is 3^i of 3280 shares at 10^(−i/7).
        ("staged", {0: 1.0, 1: 10 ** (-1 / 7), 3279: 0.1}),
    ],
)
def test_schedules(text: str, expected: dict[int, float]) -> None:
    schedule = parse_schedule(text)
    for step, multiplier in expected.items():
        assert schedule.multiplier(step, 3280) == pytest.approx(multiplier)


def test_robbins_monro_conditions_are_enforced() -> None:
    with pytest.raises(UsageError, match=r"power in \(0.5, 1\]"):
        parse_schedule("robbins-monro(power=0.5)")


def test_step_sizes_of_guide_and_model_are_separate() -> None:
    task = LinearGaussian(dim=2, n=24)
    before = {name: value.detach().clone() for name, value in task.named_parameters()}
    trainer = Trainer(task, Reparam(), task.load(), settings(guide_lr=0.0), 1)
    list(trainer.run(40))
    for name, value in task.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith("guide.")


def test_a_cost_is_descended() -> None:
    task = GaussianQuadratic()
    trainer = Trainer(task, Reparam(), task.load(), settings(steps=300, guide_lr=3e-2), 10)
    with seeded(CPU, 0):
        list(trainer.run(300))
    # From E (x − 3)² = 4 + 1 at N(1, 1) down to the minimum at N(3, 0).
    assert trainer.rows[0].objective > 2
    assert trainer.rows[-1].objective < 0.1


def whole_and_resumed(build: Callable[[], Trainer]) -> tuple[Trainer, Trainer]:
    """Train for 40 steps at once, and from the state that another training had after 17."""
    whole = build()
    with seeded(CPU, 2):
        list(whole.run(40))
    first = build()
    with seeded(CPU, 2):
        list(first.run(17))
        saved = first.state()
    second = build()
    with seeded(CPU, 99):
        second.restore(saved)
        list(second.run(40))
    return whole, second


def test_a_resumed_training_ends_with_the_same_numbers() -> None:
    def build() -> Trainer:
        with seeded(CPU, 1):
            task = LinearGaussian(dim=3, n=50)
        return Trainer(task, ReinforceEMA(), task.load(), settings(), 2)

    whole, second = whole_and_resumed(build)
    for name, value in whole.task.state_dict().items():
        assert torch.equal(value, second.task.state_dict()[name]), name
    assert [row.objective for row in whole.rows] == [row.objective for row in second.rows]
    assert torch.equal(whole.estimator.total, second.estimator.total)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("build_estimator", [Rebar, Relax])
def test_relaxed_controls_adapt_and_are_resumed(build_estimator: Callable[[], Estimator]) -> None:
    """Temperatures, coefficients and networks move in training, and a resumed one goes on as if never interrupted."""

    def build() -> Trainer:
        with seeded(CPU, 1):
            task = SBNTiny()
            return Trainer(task, build_estimator(), task.load(), settings(), 2)

    before = build().estimator.state_dict()
    whole, second = whole_and_resumed(build)
    after = whole.estimator.state_dict()
    for name, value in after.items():
        # RELAX builds its network when it first sees data, the last layer as zeros.
        assert not value.equal(before.get(name, torch.zeros_like(value))), name
    for name, value in second.estimator.state_dict().items():
        assert torch.equal(value, after[name]), name
    for name, value in second.task.state_dict().items():
        assert torch.equal(value, whole.task.state_dict()[name]), name


def test_divergence_names_its_first_step() -> None:
    task = GaussianQuadratic()
    trainer = Trainer(task, Reparam(), task.load(), settings(steps=400, optimizer="sgd", guide_lr=1e3), 1)
    with seeded(CPU, 0), pytest.raises(Diverged) as diverged:
        list(trainer.run(400))
    assert 0 < diverged.value.step < 400
    assert all(math.isfinite(row.objective) for row in trainer.rows)


def test_the_moving_average_is_read_before_it_is_updated() -> None:
    """A baseline that contains the current sample shrinks the gradient by (1 − decay)/(K B)."""
    task = GaussianQuadratic()
    estimator = ReinforceEMA(decay=0.5)
    x = task.load().train
    with seeded(CPU, 0):
        first = estimator.estimate(task, x, 1)
    assert float(estimator.mass) == 0
    estimator.observe(first)
    assert float(estimator.total / estimator.mass) == pytest.approx(float(first.objective.mean()))
