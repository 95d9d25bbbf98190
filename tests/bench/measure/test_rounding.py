"""When numbers are rounded at random, and when they are looked into for that, which a GPU would be waited for."""

from typing import Any

import torch

from bench.machine.dispatch import DispatchMode
from bench.measure.rounding import RandomRounding


class Looks(DispatchMode):
    """Counts how often numbers are compared with whole ones."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten.round.default
        return func(*args, **(kwargs or {}))


def test_only_operations_that_give_new_numbers_are_looked_into() -> None:
    x = torch.tensor([[0.3, 0.7]])
    with Looks() as looks, RandomRounding(0):
        views = x.expand(2, 2).t().reshape(2, 2).detach()
        assert bool((views > 0.5).any())
        assert looks.count == 0
        product = views * 0.1
    assert looks.count > 0
    assert not torch.equal(product, views * 0.1)
