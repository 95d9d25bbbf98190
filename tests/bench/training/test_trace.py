"""Draws seed by seed are those that each seed makes alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import vmap
from torch.fx.experimental.proxy_tensor import make_fx

from bench.machine.streams import OwnStream, seeded
from bench.training.trace import NotBatchable, draw_by_seed

CPU = torch.device("cpu")
RATES = torch.tensor([[0.5, 2.0, 30.0], [1.0, 4.0, 0.1], [7.0, 7.0, 7.0]])

DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "rand": lambda rate: torch.rand(3),
    "rand in double precision": lambda rate: torch.rand((2, 3), dtype=torch.float64),
    "randn": lambda rate: torch.randn(40),
    "randint": lambda rate: torch.randint(10, (5,)),
    "randint from below": lambda rate: torch.randint(-5, 255, (2, 5), dtype=torch.int16),
    "rand_like": torch.rand_like,
    "randn_like": lambda rate: torch.randn_like(rate.expand(2, 3)),
    "bernoulli": lambda rate: torch.bernoulli(rate / 30),
    "poisson": torch.poisson,
    "gamma": torch.ops.aten._standard_gamma,
    "two": lambda rate: torch.randn(3) + torch.rand(3),
    "an unused one": lambda rate: (torch.rand(7), torch.rand(3))[1],
    "nested": lambda rate: vmap(lambda _: rate + torch.randn(3), randomness="different")(torch.empty(4)),
}


def traced(draw: Callable[[Tensor], Tensor], seeds: list[int]) -> torch.fx.GraphModule:
    program = make_fx(vmap(draw, randomness="different"))(RATES[seeds])
    draw_by_seed(program, [OwnStream(CPU, seed) for seed in seeds])
    return program


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_each_seed_draws_what_it_draws_alone(draw: Callable[[Tensor], Tensor]) -> None:
    program = traced(draw, [0, 2])
    found = [program(RATES[[0, 2]]) for _ in range(2)]
    for place, seed in enumerate((0, 2)):
        with seeded(CPU, seed):
            expected = [draw(RATES[seed]) for _ in range(2)]
        for step in range(2):
            assert found[step].dtype == expected[step].dtype
            assert torch.equal(found[step][place], expected[step])


def test_a_draw_that_cannot_be_made_seed_by_seed_is_named() -> None:
    with pytest.raises(NotBatchable, match="multinomial"):
        traced(lambda rate: torch.multinomial(rate, 2, replacement=True), [0, 1])


def test_a_stream_of_its_own_is_the_global_one() -> None:
    stream = OwnStream(CPU, 5, "training")
    kept = stream.state()
    with seeded(CPU, 5, "training"):
        expected = torch.randn(3)
    assert torch.equal(torch.randn(3, generator=stream.generator(CPU)), expected)
    stream.restore(kept)
    assert torch.equal(torch.randn(3, generator=stream.generator(CPU)), expected)
    stream.renew(kept)
    assert torch.equal(torch.randn(3, generator=stream.generator(CPU)), expected)
