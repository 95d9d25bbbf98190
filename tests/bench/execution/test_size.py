"""What no memory can hold is refused before it is begun."""

import pytest
import torch

from bench.errors import UsageError
from bench.execution import size
from bench.execution.plan import Request, make_plan
from bench.machine.capacity import total_memory
from bench.names.spec import parse_spec


def request(task: str, samples: int = 1) -> Request:
    return Request((parse_spec(task),), (parse_spec("reparam"),), samples=(samples,))


@pytest.fixture(autouse=True)
def _a_gigabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "total_memory", lambda _: 10**9)


def test_moments_of_too_many_parameters() -> None:
    with pytest.raises(UsageError, match=r"4,000,000 parameters, and the moments .* 1 GB of memory"):
        make_plan(request("gaussian-quadratic(dim=2000000)"))
    assert make_plan(request("gaussian-quadratic(dim=20000)")).cells


def test_draws_of_too_many_samples() -> None:
    with pytest.raises(UsageError, match=r"K = 100,000,000 samples of gaussian-quadratic .* choose fewer --samples"):
        make_plan(request("gaussian-quadratic", 100_000_000))
    assert make_plan(request("gaussian-quadratic", 1_000_000)).cells


def test_where_the_memory_is_unknown_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "total_memory", lambda _: None)
    assert make_plan(request("gaussian-quadratic", 100_000_000)).cells


def test_a_machine_has_more_than_a_gigabyte() -> None:
    there = total_memory(torch.device("cpu"))
    assert there is None or there > 10**9
