"""Replicates whose gradients of linear layers are formed a few columns at a time, where they are read.

The gradient of a linear layer is δᵀa: a [rows, in] its input, δ [rows, out] the derivative of the loss in its output.
A zero added to the output, and differentiated in, gives δ of every replicate under `vmap`. Of δ and a the gradient is
made in parts that stay in a CPU's cache, where the usual one is written to memory, joined with others, and read again;
and an input that all replicates share is multiplied once for all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from bench.machine.streams import seeded
from bench.measure.rows import Rows, cached, parted

_SHARE: Final = 0.5
"""Of a gradient's coordinates, that linear layers must have for this to be worth a try."""

_LARGE: Final = 10_000
"""Coordinates up to which a gradient stays in the cache anyway."""

_TRIED: Final = 2

_OF_ITS_OWN, _OF_ALL = 1000.0, 10.0
"""Units of rounding by which two ways of computing one gradient differ at most: of a parameter's norm, and of all's."""


@dataclass(frozen=True)
class _Layer:
    part: nn.Linear
    weight: str
    bias: str | None


@final
class Layers:
    """Draws gradients of a loss on batches like x, by its linear layers.

    Args:
        module: the loss of a batch as a function of its parameters.
        parameters: those that it is differentiated in, by name, in the order of a gradient's coordinates.
        x: a batch.

    Raises:
        RuntimeError: the loss cannot be computed on it.
    """

    def __init__(self, module: nn.Module, parameters: Mapping[str, nn.Parameter], x: Tensor) -> None:
        self._parameters, self._starts, start = parameters, dict[str, int](), 0
        for name, value in parameters.items():
            self._starts[name] = start
            start += value.numel()
        self.size = start
        layers = _layers(module, parameters)
        calls = _calls(module, layers, x)
        self._calls = [layer for layer, _ in calls]
        self._zeros = [torch.zeros(shape, dtype=x.dtype, device=x.device) for _, shape in calls]
        formed = {name for layer in self._calls for name in (layer.weight, layer.bias)}
        self._rest = {name: value.detach() for name, value in parameters.items() if name not in formed}
        self._fixed = {name: value.detach() for name, value in parameters.items() if name in formed}
        # Of the module, and not of this object: no circle holds on to the task.
        loss = partial(_loss, module, [layer.part for layer in layers])
        self._draw = vmap(
            grad(loss, argnums=(0, 1), has_aux=True), in_dims=(None, None, None, None, 0), randomness="different"
        )

    def draw(self, x: Tensor, count: int) -> "Formed":
        """Return so many gradients on a batch."""
        with torch.no_grad():
            gradients, inputs = self._draw(self._rest, self._zeros, self._fixed, x, torch.empty(count, device=x.device))
        rest, deltas = gradients
        formed = Formed(count, self.size, x)
        for name, value in rest.items():
            formed.others.append((self._starts[name], value.reshape(count, -1)))
        for layer, delta, given in zip(self._calls, deltas, inputs, strict=True):
            formed.weights[self._starts[layer.weight]].append((delta, given))
            if layer.bias is not None:
                formed.biases[self._starts[layer.bias]].append(delta)
        return formed

    def agree(self, rows: Callable[[Tensor, int], Tensor], x: Tensor) -> bool:
        """Return whether they give the gradients that `rows` draws with the same random numbers.

        They do not where an estimator differentiates within a derivative, or reads a weight by itself.
        """
        try:
            with seeded(x.device, "by layer"):
                found = self.draw(x, _TRIED).whole()
        except (RuntimeError, ValueError, NotImplementedError, AssertionError, StopIteration):
            return False
        with seeded(x.device, "by layer"):
            expected = rows(x, _TRIED)
        unit, floor = torch.finfo(expected.dtype).eps, _OF_ALL * expected.norm(dim=1)
        sizes = [value.numel() for value in self._parameters.values()]
        for one, other in zip(found.split(sizes, 1), expected.split(sizes, 1), strict=True):
            if not bool(((one - other).norm(dim=1) <= unit * (_OF_ITS_OWN * other.norm(dim=1) + floor)).all()):
                return False
        return True


@final
class Formed(Rows):
    """Gradients of several replicates, of whose linear layers only δ and a are kept.

    Attributes:
        others: where the gradients of other parameters begin, and these, [n, p].
        weights: where the gradient of a weight begins, and δ [n, ..., out] and a [n, ..., in] of each call.
        biases: the same of a bias, with δ.
    """

    def __init__(self, count: int, size: int, like: Tensor) -> None:
        super().__init__(count)
        self._size, self._like = size, like
        self.others: list[tuple[int, Tensor]] = []
        self.weights: dict[int, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        self.biases: dict[int, list[Tensor]] = defaultdict(list)

    def strips(self) -> Iterator[tuple[slice, Tensor]]:
        for start, value in self.others:
            yield from parted(value, start)
        for start, deltas in self.biases.items():
            yield from parted(_joined(deltas).sum(1), start)
        for start, calls in self.weights.items():
            yield from self._weight(start, calls)

    def _weight(self, start: int, calls: Sequence[tuple[Tensor, Tensor]]) -> Iterator[tuple[slice, Tensor]]:
        """Return the gradients of one weight [out, in], some of its rows at a time."""
        delta = _joined([delta for delta, _ in calls]).transpose(1, 2)
        is_common = len(calls) == 1 and calls[0][1].stride(0) == 0 and self.count > 1
        outputs, inputs = delta.shape[1], calls[0][1].shape[-1]
        step = max(1, cached() // (self.count * inputs)) if delta.device.type == "cpu" else outputs
        given = calls[0][1][0].reshape(-1, inputs) if is_common else _joined([given for _, given in calls])
        made = given.new_empty(self.count, min(step, outputs), inputs)
        for low in range(0, outputs, step):
            part = delta[:, low : low + step]
            # Into the same memory each time, which the cache then has.
            product = made if part.shape[1] == made.shape[1] else given.new_empty(*part.shape[:2], inputs)
            if is_common:
                # One product of large matrices, and not one for each replicate.
                torch.mm(part.reshape(-1, part.shape[-1]), given, out=product.view(-1, inputs))
            else:
                torch.bmm(part, given, out=product)
            yield from parted(product.view(self.count, -1), start + low * inputs)

    def whole(self) -> Tensor:
        matrix = self._like.new_empty(self.count, self._size)
        for columns, numbers in self.strips():
            matrix[:, columns] = numbers
        return matrix


def worth_trying(module: nn.Module, parameters: Mapping[str, nn.Parameter]) -> bool:
    """Return whether most of a large gradient is of linear layers."""
    names = {name for layer in _layers(module, parameters) for name in (layer.weight, layer.bias)}
    size = sum(value.numel() for value in parameters.values())
    return size > _LARGE and sum(parameters[name].numel() for name in names if name) > _SHARE * size


def _layers(module: nn.Module, parameters: Mapping[str, nn.Parameter]) -> list[_Layer]:
    """Return the linear layers all of whose parameters are differentiated in."""
    names = {id(value): name for name, value in parameters.items()}
    found = []
    for part in module.modules():
        # A subclass may do something else with its weight, and so may a forward of its own.
        if type(part) is not nn.Linear or "forward" in vars(part):
            continue
        if id(part.weight) in names and (part.bias is None or id(part.bias) in names):
            found.append(_Layer(part, names[id(part.weight)], None if part.bias is None else names[id(part.bias)]))
    return found


def _calls(module: nn.Module, layers: Sequence[_Layer], x: Tensor) -> list[tuple[_Layer, torch.Size]]:
    """Return the calls of linear layers in the order in which the loss makes them, and the shapes of their outputs."""
    calls: list[tuple[_Layer, torch.Size]] = []

    def note(layer: _Layer, _part: nn.Module, _given: Any, output: Tensor) -> None:
        calls.append((layer, output.shape))

    handles = [layer.part.register_forward_hook(partial(note, layer)) for layer in layers]
    try:
        with seeded(x.device, "calls of layers"):
            module(x)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _loss(
    module: nn.Module,
    parts: Sequence[nn.Linear],
    rest: dict[str, Tensor],
    zeros: Sequence[Tensor],
    fixed: dict[str, Tensor],
    x: Tensor,
    _replicate: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """Return the loss with a zero added to the output of each call of a layer, and the inputs of these calls."""
    inputs: list[Tensor] = []
    left = iter(zeros)

    # Named as in `nn.Linear`, for those who call it by keyword.
    def forward(part: nn.Linear, input: Tensor) -> Tensor:
        inputs.append(input)
        # Added to the bias, which has no axis of replicates, the zero costs nothing.
        shift = next(left) if part.bias is None else part.bias + next(left)
        return input @ part.weight.T + shift

    for part in parts:
        part.__dict__["forward"] = partial(forward, part)
    try:
        return functional_call(module, {**rest, **fixed}, (x,)), inputs
    finally:
        for part in parts:
            del part.__dict__["forward"]


def _joined(calls: Sequence[Tensor]) -> Tensor:
    """Return [n, ..., p] of each call as [n, rows, p], one behind the other."""
    parts = [values.reshape(len(values), -1, values.shape[-1]) for values in calls]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)
