"""A factor on the gradient that flows back into a value, known only after the value has been used."""

from typing import final

from torch import Tensor

from estimators.parts.shapes import as_events


@final
class LaterFactor:
    """Multiplies ∂L/∂z on its way back into z by a factor c, which the way forward is still to give.

    In c_k(w) ∂_z log w_k ∇_φ z_k the importance weights w, and with them c, follow from log w, that is from z. So log w
    is made from a marked copy of z, `z = factor.on(z)`; once it is there, `factor.becomes(c)`. The gradient of log w
    then reaches φ through z with the factor, and θ without.
    """

    def __init__(self) -> None:
        self._factor: Tensor | None = None

    def on(self, value: Tensor) -> Tensor:
        """Return a copy of `value`, [K, B, event], through which the gradient flows back times the factor."""
        copy = value.clone()
        if copy.requires_grad:
            copy.register_hook(self._scaled)
        return copy

    def becomes(self, factor: Tensor) -> None:
        """Say what the factor is, [K, B], or [1, B] where all samples have the same; before the backward pass."""
        self._factor = factor

    def _scaled(self, gradient: Tensor) -> Tensor:
        assert self._factor is not None, "a gradient flows back through a factor that was never set"
        return gradient * as_events(self._factor, gradient)
