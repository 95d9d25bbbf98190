"""Gradients are clipped as `torch.nn.utils.clip_grad_norm_` does it, each seed's by its own norm."""

import math

import pytest
import torch
from torch import Tensor

from bench.training.clipping import clipping, told
from bench.training.trainer import Trainer
from tests.bench.seeds import alone, settings, trainer

TASK = "linear-gaussian(dim=2, n=24)"


def groups(seed: int, size: float = 1.0) -> dict[str, list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: size * torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return {"guide": [draw(3, 2), draw(3)], "model": [draw(4)]}


@pytest.mark.parametrize("bound", [0.1, 3.0, 100.0])
def test_the_gradient_is_that_of_torch(bound: float) -> None:
    parts = groups(0)
    parameters = [torch.zeros_like(part, requires_grad=True) for of_group in parts.values() for part in of_group]
    for parameter, gradient in zip(parameters, (part for of in parts.values() for part in of), strict=True):
        parameter.grad = gradient.clone()
    whole = torch.nn.utils.clip_grad_norm_(parameters, bound)
    found = clipping(parts, bound)
    assert found is not None
    for parameter, gradient in zip(parameters, (part for of in parts.values() for part in of), strict=True):
        torch.testing.assert_close(gradient * found.of(gradient), parameter.grad, rtol=1e-12, atol=0)
    assert bool(found.above) is bool(whole > bound)
    torch.testing.assert_close(torch.stack([*found.norms.values()]).norm(), whole, rtol=1e-12, atol=0)


def test_a_seed_is_clipped_by_its_own_norm() -> None:
    of_seeds = [groups(seed, size) for seed, size in enumerate((0.01, 1.0, 10.0))]
    stacked = {
        name: [torch.stack(parts) for parts in zip(*(one[name] for one in of_seeds), strict=True)] for name in SHAPED
    }
    found = clipping(stacked, 1.0, seeds=True)
    assert found is not None
    assert found.above.tolist() == [False, True, True]
    for place, one in enumerate(of_seeds):
        own = clipping(one, 1.0)
        assert own is not None
        for name in SHAPED:
            torch.testing.assert_close(found.norms[name][place], own.norms[name])
            for part, of_all in zip(one[name], stacked[name], strict=True):
                torch.testing.assert_close((of_all * found.of(of_all))[place], part * own.of(part))


SHAPED = ("guide", "model")


def test_without_anything_that_moves_there_is_nothing_to_clip() -> None:
    assert clipping({"guide": [], "model": []}, 1.0) is None


def test_a_gradient_that_is_not_finite_stays_so() -> None:
    for wrong in (math.nan, math.inf):
        part = torch.tensor([1.0, wrong])
        found = clipping({"guide": [part]}, 1.0)
        assert found is not None
        assert not bool((part * found.of(part)).isfinite().all())


def test_rows_have_the_norms_of_the_estimate_and_how_often_it_was_clipped() -> None:
    """A bound that all norms exceed, one that none does: parameters differ, the first rows' norms do not."""
    free, tight, loose = (
        alone(TASK, "reparam", 0, settings(optimizer="sgd", clip_norm=bound)) for bound in (0.0, 1e-3, 1e9)
    )
    assert [row.clipped for row in free.rows] == [row.clipped for row in loose.rows] == [0.0] * 20
    assert [row.clipped for row in tight.rows] == [1.0] * 20
    assert (free.clipped_share, loose.clipped_share, tight.clipped_share) == (None, 0.0, 1.0)
    assert tight.rows[0].gradient_norm_guide == pytest.approx(free.rows[0].gradient_norm_guide, rel=1e-12)
    for one, other in zip(free.task.parameters(), loose.task.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_step_is_as_long_as_the_bound() -> None:
    one = trainer(TASK, "reparam", 0, settings(optimizer="sgd", schedule="constant", clip_norm=1e-3))
    before = [parameter.detach().clone() for parameter in one.task.parameters()]
    torch.manual_seed(0)
    one.step()
    moved = [after - start for after, start in zip(one.task.parameters(), before, strict=True)]
    assert torch.nn.utils.get_total_norm(moved).item() == pytest.approx(1e-2 * 1e-3, rel=1e-5)


def test_an_estimators_own_parameters_are_not_clipped() -> None:
    """The loss of a baseline has a scale of its own."""

    def first_step(bound: float) -> Trainer:
        one = trainer(TASK, "nvil", 0, settings(optimizer="sgd", schedule="constant", clip_norm=bound))
        torch.manual_seed(0)
        one.step()
        return one

    free, tight = first_step(0.0), first_step(1e-3)
    for one, other in zip(free.estimator.parameters(), tight.estimator.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(*(next(one.task.parameters()) for one in (free, tight)))


def test_a_reader_is_told() -> None:
    start, end = "gradients were clipped to a norm of", "of the training steps, and are biased there"
    assert told(1.0, [0.12]) == f"{start} 1 in 12% {end}"
    assert told(1.0, [0.9997]) == f"{start} 1 in 100% {end}"
    assert told(1.0, [1e-4]) == f"{start} 1 in less than 1% {end}"
    assert told(0.5, [0.4, 0.1]) == f"{start} 0.5 in 10% to 40% {end}"
