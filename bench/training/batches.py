"""Minibatches of a data set."""

from typing import Any, final

import torch
from torch import Tensor


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

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.order, self._at = state["order"].to(self.rows.device), state["at"]
