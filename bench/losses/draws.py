"""Replicates of the gradient of a loss, a function without arguments; batched by `vmap` where that is the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from bench.errors import UsageError
from bench.machine.lost import is_of_machine
from bench.machine.streams import seeded
from bench.measure.replicates import LOOP, Draws
from bench.measure.unbatched import unbatched

ELSEWHERE: Final = (
    "two calls from the same random state differ, so not everything that it draws or reads comes from PyTorch's "
    "generator: a batch that moves on, NumPy, a separate generator, or state that it keeps"
)
"""Why a loss is not batched whose replicates would share what they ought to draw apart."""

_OTHERWISE: Final = (
    "vmap gives a different gradient from a backward pass: the loss may take derivatives of its own, or fill tensors "
    "with "
    "random numbers"
)
_COMPARED: Final = 3
"""Single draws in which both ways must agree."""

_FILLS: Final = frozenset(
    getattr(Tensor, f"{name}_")
    for name in ("bernoulli", "cauchy", "exponential", "geometric", "log_normal", "normal", "random", "uniform")
)
"""Methods that fill a tensor with random numbers, which `vmap` allows of a batched one only."""

Loss = Callable[[], Any]


@final
class LossDraws(Draws):
    """Replicates of the gradient of a loss in some tensors.

    The loss reads the tensors wherever it has them from, and is not told of others: under `vmap` each operation of
    PyTorch that is given one of them is given a function's argument instead.

    Args:
        loss: returns a number, and takes it back to what it depends on.
        tensors: by name, in the order of a row's coordinates.
        slices: where each parameter group lies in a row.
        dtype: of a row.
    """

    def __init__(self, loss: Loss, tensors: Mapping[str, Tensor], slices: dict[str, slice], dtype: torch.dtype) -> None:
        super().__init__(slices)
        self._loss, self.tensors, self._dtype = loss, dict(tensors), dtype
        self._values = list(tensors.values())
        self._batched = vmap(grad(self._of_others), in_dims=(None, 0), randomness="different")
        self.unused: tuple[str, ...] = ()

    @property
    def nowhere(self) -> Tensor:
        """Return what stands for observations: none, on the device of the tensors."""
        return torch.empty(0, device=self._values[0].device, dtype=self._dtype)

    def _of_others(self, others: Sequence[Tensor], replicate: Tensor) -> Tensor:
        with _InTheirPlace(self._values, others, replicate):
            return number(self._loss())

    def _draw_rows(self, x: Tensor, count: int) -> Tensor:
        others = tuple(value.detach() for value in self._values)
        # Of tensors that are not asked for, no graph is needed.
        with torch.no_grad():
            gradients = self._batched(others, torch.zeros(count, device=x.device))
        return torch.cat([gradient.detach().reshape(count, -1).to(self._dtype) for gradient in gradients], 1)

    def _draw_loop(self, x: Tensor, count: int) -> Tensor:
        rows = torch.empty(count, self.size, dtype=self._dtype, device=x.device)
        for row in rows:
            gradients = self._gradients()
            parts = [
                torch.zeros_like(value) if gradient is None else gradient
                for gradient, value in zip(gradients, self._values, strict=True)
            ]
            row.copy_(torch.cat([part.detach().reshape(-1).to(self._dtype) for part in parts]))
        return rows

    def _gradients(self) -> Sequence[Tensor | None]:
        value = number(self._loss())
        if not value.requires_grad:
            raise UsageError(
                "the loss does not depend on any of the parameters: it returned a number without a graph, perhaps "
                "detached or computed under no_grad"
            )
        try:
            return torch.autograd.grad(value, self._values, allow_unused=True)
        except RuntimeError as error:
            if "backward through the graph a second time" not in str(error):
                raise
            raise UsageError(
                "part of the loss's graph was made before it was called: let the function itself compute everything "
                "that depends on the parameters"
            ) from error

    def first(self) -> None:
        """Call the loss once, and note which of the tensors it does not depend on.

        Raises:
            UsageError: it returns no number, or none that depends on any of them.
        """
        gradients = self._gradients()
        self.unused = tuple(name for name, gradient in zip(self.tensors, gradients, strict=True) if gradient is None)
        if len(self.unused) == len(self.tensors):
            raise UsageError("the loss does not depend on any of these parameters, but on others")

    @property
    def is_told_by_the_generator(self) -> bool:
        """Return whether all that differs from one replicate to the next comes from PyTorch's generator."""
        return self.reason != ELSEWHERE

    def check_batching(self, x: Tensor) -> str | None:
        """Compare `vmap` with backward passes from the same random states; keep to the loop where they differ."""
        first, again = (self._from_state(x, 0, self._draw_loop) for _ in range(2))
        if not _alike(first, again):
            self.reason = ELSEWHERE
            return self.reason
        try:
            for state in range(_COMPARED):
                looped = self._from_state(x, state, self._draw_loop)
                if not _alike(looped, self._from_state(x, state, self._draw_rows)):
                    self.reason = _OTHERWISE
            self._draw_rows(x, 2)
        except UsageError:
            raise
        except Exception as error:
            # It works without `vmap`, and so it is `vmap` that it fails for, whatever the error.
            if is_of_machine(error):
                raise
            self.reason = unbatched(error)
        return self.reason

    def _from_state(self, x: Tensor, state: int, draw: Callable[[Tensor, int], Tensor]) -> Tensor:
        with seeded(x.device, "loss", state):
            return draw(x, LOOP)


def number(value: Any) -> Tensor:
    """Return the value of a loss as a tensor [].

    Raises:
        UsageError: it is no single number.
    """
    if not isinstance(value, Tensor):
        raise UsageError(f"the loss must return a tensor, but returned {type(value).__name__}")
    if value.numel() != 1:
        raise UsageError(
            f"the loss must return one number, but returned a tensor of shape {list(value.shape)}: take its mean "
            "or its sum"
        )
    if not value.is_floating_point():
        raise UsageError(f"the loss must return a real number, but returned one of type {value.dtype}")
    return value.reshape(())


def _alike(first: Tensor, second: Tensor) -> bool:
    """Return whether two rows are the same up to rounding; what is not finite must be so in both."""
    tolerance = 1e3 * torch.finfo(first.dtype).eps
    scale = torch.nan_to_num(first.abs(), posinf=0.0).max()
    return torch.allclose(first, second, rtol=tolerance, atol=float(tolerance * scale), equal_nan=True)


@final
class _InTheirPlace(TorchFunctionMode):
    """Gives operations other tensors in the place of some, and batched ones to fill with random numbers.

    Args:
        those: tensors.
        others: what stands for each.
        replicate: a batched number [], zero.
    """

    def __init__(self, those: Sequence[Tensor], others: Sequence[Tensor], replicate: Tensor) -> None:
        super().__init__()
        self._other = {id(one): other for one, other in zip(those, others, strict=True)}
        self._replicate = replicate

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map(self._instead, (args, kwargs or {}))
        if func in _FILLS:
            # Whoever keeps the tensor that was to be filled, rather than what is returned, is found by comparison.
            args = (args[0] + self._replicate.to(args[0].dtype), *args[1:])
        return func(*args, **kwargs)

    def _instead(self, value: Any) -> Any:
        return self._other.get(id(value), value) if isinstance(value, Tensor) else value
