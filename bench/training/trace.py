"""One training step of many seeds as one traced program, in which every seed draws from its own stream.

`vmap` draws the noise of a whole batch from one generator, so that a seed's numbers would depend on its companions. The
step is traced once to a graph of tensor operations, and each random one in it is replaced by its draws seed by seed,
the same that the seed makes when it trains alone. Running the graph also spares the transforms' work at every step.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.func import functional_call, grad, vmap
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from bench.errors import headline
from bench.machine.lost import is_of_machine
from bench.machine.streams import Stream, seeded
from bench.training.loss import Loss
from estimators.base import Estimate, Estimator
from estimators.distributions import without_validation

Values = dict[str, Tensor]
"""Parameters and buffers of a `Loss` by name, each with a leading axis of seeds, [S, ...]."""

aten: Final = torch.ops.aten

_FILLS: Final[dict[OpOverload, Callable[..., Tensor]]] = {
    aten.rand.default: Tensor.uniform_,
    aten.randn.default: Tensor.normal_,
    aten.randint.default: Tensor.random_,
    aten.randint.low: Tensor.random_,
}
"""What fills a row with the numbers that the functional draw returns; the last argument is the shape."""

_FILLS_LIKE: Final[dict[OpOverload, Callable[..., Tensor]]] = {
    aten.rand_like.default: Tensor.uniform_,
    aten.randn_like.default: Tensor.normal_,
}

_DRAWS: Final = frozenset({aten._standard_gamma.default, aten.poisson.default, aten.bernoulli.default})
"""Draws whose distribution depends on their argument, which has the axis of seeds."""


class NotBatchable(Exception):
    """Seeds cannot be trained in one step; the message says why."""


def trace_step(loss: Loss, trained: Values, fixed: Values, rows: Tensor, streams: Sequence[Stream]) -> GraphModule:
    """Return a program of (trained, fixed, rows) that returns (gradients, objective [S], estimator's buffers).

    Args:
        loss: of any of the seeds; its own values are not used.
        trained: parameters to differentiate in.
        fixed: the other parameters, and the buffers, which an estimator may update in place.
        rows: stored rows of a minibatch per seed, [S, B, ...].
        streams: what each seed draws from; they are left where they are.

    Raises:
        NotBatchable: `vmap` cannot run the step, or a draw in it cannot be made seed by seed.
    """
    observer = _Observer(loss.estimator)
    buffers = [f"estimator.{name}" for name, _ in loss.estimator.named_buffers()]

    def one(trained: Values, fixed: Values, rows: Tensor) -> tuple[Values, Tensor, Values]:
        def descended(trained: Values) -> tuple[Tensor, list[Tensor]]:
            value, estimate = functional_call(loss, {**trained, **fixed}, (rows,))
            parts = [estimate.objective, estimate.surrogate, estimate.auxiliary]
            return value, [part for part in parts if part is not None]

        gradients, parts = grad(descended, has_aux=True)(trained)
        estimate = Estimate(*(part.detach() for part in parts))
        own = {name: value for name, value in (fixed | trained).items() if name.startswith("estimator.")}
        functional_call(observer, own, (estimate,))
        return gradients, estimate.objective.mean(), {name: own[name] for name in buffers}

    # Tracing runs the step once, and an estimator updates its buffers in place.
    scratch = {name: value.clone() for name, value in fixed.items()}
    try:
        with seeded(rows.device, "trace"), torch.no_grad(), without_validation():
            program = make_fx(vmap(one, randomness="different"))(trained, scratch, rows)
    except (RuntimeError, ValueError, NotImplementedError, TypeError) as error:
        if is_of_machine(error):
            raise
        raise NotBatchable(headline(error)) from error
    draw_by_seed(program, streams)
    return program


@final
class _Observer(nn.Module):
    """The update of an estimator's adaptive state as a function of that state."""

    def __init__(self, estimator: Estimator) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, estimate: Estimate) -> None:
        self.estimator.observe(estimate)


@final
class _DrawBySeed(nn.Module):
    """A random operation over the axis of seeds, each row from its own seed's stream."""

    def __init__(self, operation: OpOverload, streams: Sequence[Stream]) -> None:
        super().__init__()
        self.operation, self.streams = operation, streams

    def forward(self, *arguments: Any, **options: Any) -> Tensor:
        if self.operation in _FILLS:
            *numbers, shape = arguments
            out = torch.empty(shape, **_integers_unless_told(numbers, options))
            return self._fill(_FILLS[self.operation], out, numbers)
        if self.operation in _FILLS_LIKE:
            return self._fill(_FILLS_LIKE[self.operation], torch.empty_like(arguments[0], **options), ())
        rows = arguments[0].unbind(0)
        return torch.stack(
            [
                self.operation(row, generator=stream.generator(row.device))
                for row, stream in zip(rows, self.streams, strict=True)
            ]
        )

    def _fill(self, fill: Callable[..., Tensor], out: Tensor, numbers: Sequence[int]) -> Tensor:
        # `randint` takes (high) or (low, high), as `random_` does.
        for row, stream in zip(out.unbind(0), self.streams, strict=True):
            fill(row, *numbers, generator=stream.generator(out.device))
        return out


def _integers_unless_told(numbers: Sequence[int], options: dict[str, Any]) -> dict[str, Any]:
    return {"dtype": torch.int64, **options} if numbers else options


def draw_by_seed(program: GraphModule, streams: Sequence[Stream]) -> None:
    """Replace every random operation of a program; raise `NotBatchable` where one cannot be."""
    for node in list(program.graph.nodes):
        operation = node.target
        if not isinstance(operation, OpOverload) or torch.Tag.nondeterministic_seeded not in operation.tags:
            continue
        if operation not in _FILLS | _FILLS_LIKE.keys() | _DRAWS:
            raise NotBatchable(f"{operation} cannot be drawn seed by seed")
        name = f"draw_{node.name}"
        program.add_submodule(name, _DrawBySeed(operation, streams))
        with program.graph.inserting_before(node):
            drawn = program.graph.call_module(name, node.args, dict(node.kwargs))
        node.replace_all_uses_with(drawn)
        program.graph.erase_node(node)
    program.recompile()
