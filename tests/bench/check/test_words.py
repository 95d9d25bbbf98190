"""What a finding says is what a reader needs: digits that differ, how many draws are NaN, what to do for `vmap`."""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from bench.check.agreement import disagreement
from bench.check.collect import collect
from bench.check.run import Settings, run_plan
from bench.measure.unbatched import unbatched
from bench.regression.check import Change
from bench.regression.moments import Moment
from bench.results.digits import apart
from estimators.base import Estimate
from tasks.base import Task
from tests.bench.check.samples import OneByOne
from tests.museum.protocol import Plain


class SometimesNaN(Plain):
    """Its objective is not a number once in fifty times."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        right = super().estimate(task, x, samples)
        return dataclasses.replace(right, objective=torch.where(torch.rand(()) < 0.02, torch.nan, right.objective))


class SlightlyOff(Plain):
    """Its objective is off in the sixth digit, and has no variance."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        value = task.exact("expectation", x, 1)
        assert value is not None
        return dataclasses.replace(super().estimate(task, x, samples), objective=value.detach() * (1 + 1e-5))


def _details(estimator: type[Plain]) -> str:
    lines = run_plan(collect([estimator], ["gaussian-quadratic"]), Settings(tolerance=0.5, budget=3.0))
    return " ".join(line.detail for line in lines)


def test_draws_that_are_not_finite_are_counted() -> None:
    told = _details(SometimesNaN)
    assert "objective: NaN in " in told
    assert " of 16384 draws" in told
    assert "is nan" not in told


def test_values_that_agree_in_four_digits_are_told_with_more() -> None:
    assert "objective is 4.00041, not 4.00037" in _details(SlightlyOff)
    rows = torch.full((64, 2), 9.0, dtype=torch.float64)
    assert disagreement(rows + 1e-3, rows, 1e-6) == "9.001 against 9 in coordinate 0"
    assert disagreement(rows + 4e-5, rows, 1e-6) == "9.00004 against 9 in coordinate 0"
    kept = Moment("ppca", "reinforce", 2, "guide", 100, 1.0, 0.9, 1.1, 0.57861, 0.01, 0.2, 0.01)
    assert "was 0.57861 and is 0.57864" in str(Change(kept, "mean_1", 0.57861, 0.57864, 1e-9))


def test_the_same_number_is_told_once_and_any_two_apart() -> None:
    assert apart(0.1, 0.1) == ("0.1", "0.1")
    for first in (1.0, 1e-9, -123456.7, 1e30):
        other = float(torch.nextafter(torch.tensor(first).double(), torch.tensor(torch.inf).double()))
        texts = apart(first, other)
        assert texts[0] != texts[1], texts


def test_what_vmap_cannot_do_is_told_as_what_to_change() -> None:
    told = _details(OneByOne)
    assert "vmap failed: it takes a number out of a tensor" in told
    assert "It looks like" not in told

    def fails(estimate: Callable[[Tensor], Tensor]) -> str:
        try:
            torch.func.vmap(torch.func.grad(estimate))(torch.zeros(3))
        except RuntimeError as error:
            return unbatched(error)
        return "nothing"

    before = torch.zeros(())
    assert "NumPy" in fails(lambda x: x * float(x.detach().numpy()))
    assert "return a new one" in fails(lambda x: before.add_(x))
    assert "multiply by 0 or 1" in fails(lambda x: (x + torch.zeros(2))[x + torch.zeros(2) > 0].sum())
    assert "torch.func.grad" in fails(lambda x: x * torch.zeros(()).requires_grad_())
