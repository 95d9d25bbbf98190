import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.measure.replicates import LOOP, Replicator, parameter_slices
from estimators.base import Estimator
from estimators.draw import probe
from estimators.importance_weighted.iwae import IWAE
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.measure.estimators import Branching
from tests.tasks.images.test_vae import TinyVAE

TASK = GaussianQuadratic()
X = TASK.load().train


def test_loop_and_vmap_agree_in_distribution():
    """Five standard errors of the difference of means and of mean squared deviations, for each of two coordinates.

    As far as the central limit theorem holds at R = 4000, a false alarm has probability 2e-6.
    """
    torch.manual_seed(0)
    replicator = Replicator(TASK, Reinforce(), 5)
    looped = torch.cat([replicator.draw(X, LOOP) for _ in range(4000)])
    batched = replicator.draw(X, 40_000)
    for power in (1, 2):
        a, b = ((rows - batched.mean(0)) ** power if power > 1 else rows for rows in (looped, batched))
        error = (a.var(0) / len(a) + b.var(0) / len(b)).sqrt()
        assert bool(((a.mean(0) - b.mean(0)).abs() < 5 * error).all())


def test_a_batch_has_independent_rows_and_follows_the_seed():
    replicator = Replicator(TASK, Reinforce(), 1)
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(replicator.draw(X, 100))
    torch.testing.assert_close(draws[0], draws[1], rtol=0, atol=0)
    assert len(draws[0].unique(dim=0)) == 100
    assert not torch.equal(draws[0], draws[2])


def test_what_vmap_cannot_do_is_looped_with_a_reason():
    replicator = Replicator(TASK, Branching(), 1)
    reason = replicator.check_batching(X)
    assert reason is not None
    assert "item" in reason
    assert replicator.reason == reason
    torch.manual_seed(0)
    rows = replicator.draw(X, 3)
    torch.manual_seed(0)
    one_by_one = torch.cat([Replicator(TASK, Reinforce(), 1).draw(X, LOOP) for _ in range(3)])
    torch.testing.assert_close(rows, one_by_one)
    assert Replicator(TASK, Reinforce(), 1).check_batching(X) is None


def test_drawing_leaves_parameters_and_their_gradients_alone():
    replicator = Replicator(TASK, Reinforce(), 1)
    for count in (LOOP, 10):
        rows = replicator.draw(X, count)
        assert not rows.requires_grad
    assert all(parameter.grad is None for parameter in TASK.parameters())


def test_slices_put_the_guide_first():
    task = LinearGaussian(dim=3)
    slices = parameter_slices(task)
    assert slices["all"] == slice(0, 15)
    assert slices["guide"] == slice(0, 12)
    assert slices["model"] == slice(12, 15)
    assert parameter_slices(TASK) == {
        "all": slice(0, 2),
        "guide": slice(0, 2),
        "guide.loc": slice(0, 1),
        "guide.scale": slice(1, 2),
    }


def test_a_parameter_outside_guide_and_model_is_refused():
    task = GaussianQuadratic()
    task.stray = nn.Parameter(torch.tensor(math.pi))
    with pytest.raises(ValueError, match="belong to the guide or the model"):
        parameter_slices(task)


@pytest.mark.parametrize("estimator", [Reinforce(), Reparam(), IWAE()], ids=lambda estimator: type(estimator).__name__)
def test_the_encoder_is_run_once_per_batch(estimator: Estimator):
    """Nothing but the draws differs between replicates, so that `vmap` leaves what comes before them as it is."""
    torch.manual_seed(0)
    task = TinyVAE()
    x = task.prepare(task.load().train[:5])
    replicator = Replicator(task, estimator, 2)

    def operations(work: Callable[[], object]) -> int:
        with FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops()

    encoder = operations(lambda: probe(task.guide, x))
    one, eight = operations(lambda: replicator.draw(x, LOOP)), operations(lambda: replicator.draw(x, 8))
    assert encoder > 0
    assert eight == 8 * one - 7 * encoder


def test_too_little_memory_halves_what_is_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    task = GaussianQuadratic()
    x = task.load().train
    replicator = Replicator(task, Reinforce(), 1)
    batched, tried = replicator._batched, list[int]()

    def limited(parameters: Any, x: torch.Tensor, replicates: torch.Tensor) -> Any:
        tried.append(len(replicates))
        if tried[-1] > 30:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batched(parameters, x, replicates)

    monkeypatch.setattr(replicator, "_batched", limited)
    assert replicator.draw(x, 100).shape == (100, replicator.size)
    assert tried == [100, 50, 25, 25, 25, 25]
    assert replicator.largest == 25
    tried.clear()
    replicator.draw(x, 30)
    assert tried == [25, 5]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_memory_for_one_replicate_is_enough(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    task = GaussianQuadratic()
    replicator = Replicator(task, Reinforce(), 1)

    def none(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(replicator, "_batched", none)
    assert replicator.draw(task.load().train, 5).shape == (5, replicator.size)
    assert (replicator.largest, replicator.reason) == (1, None)
    monkeypatch.setattr(replicator, "_draw_loop", none)
    with pytest.raises(type(error)):
        replicator.check_batching(task.load().train)
