"""Minibatches of a data set."""

from typing import Any, final

import torch
from torch import Tensor

from bench.training.restoring import require


@final
class Batches:
    """Minibatches without replacement: every row once per pass, in an order that a seed fixes.

    Attributes:
        order: indices of the rows in this pass.
    """

    def __init__(self, rows: Tensor, size: int) -> None:
        self.rows, self.size = rows, min(size, len(rows))
        self.order = torch.empty(0, dtype=torch.long, device=rows.device)
        self._at = 0

    @property
    def whole(self) -> bool:
        """Whether every batch is the whole data set, in its own order."""
        return self.size == len(self.rows)

    def next(self) -> Tensor:
        """Return the next batch of stored rows; the whole data set where it is no larger than a batch."""
        if self.whole:
            return self.rows
        where = self.turn()
        # Whole rows are copied at once, which indexing does not do.
        return self.rows.index_select(0, self.order[where])

    def turn(self, generator: torch.Generator | None = None) -> slice:
        """Return where in `order` the next batch is; a pass's order is drawn from `generator`."""
        if self._at + self.size > len(self.order):
            self.order = torch.randperm(len(self.rows), device=self.rows.device, generator=generator)
            self._at = 0
        self._at += self.size
        return slice(self._at - self.size, self._at)

    def state(self) -> dict[str, Any]:
        """Return where in which order the batches are."""
        return {"order": self.order, "at": self._at}

    def require_fit(self, state: Any, steps: int) -> None:
        """Refuse a state that these batches are not in after so many steps.

        Raises:
            Unfit: it says so.
        """
        require(isinstance(state, dict) and state.keys() == {"order", "at"}, "batches lack a part")
        order, at, n = state["order"], state["at"], 0 if self.whole or steps == 0 else len(self.rows)
        is_order = isinstance(order, Tensor) and order.dtype == torch.long
        require(is_order and torch.equal(order.sort()[0].cpu(), torch.arange(n)), "batches.order is no order of rows")
        expected = self.size * ((steps - 1) % (n // self.size) + 1) if n else 0
        require(at == expected, f"batches.at is {at!r:.40} instead of {expected}")

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.order, self._at = state["order"].to(self.rows.device), state["at"]
