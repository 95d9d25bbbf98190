"""What all cells of an invocation are made with, in whichever process they are run."""

from dataclasses import dataclass

from bench.execution.limits import UNLIMITED, Limits
from bench.execution.recall import Rerun


@dataclass(frozen=True)
class Making:
    """What cells of an invocation are made with.

    Attributes:
        run: id of the invocation.
        rerun: which finished cells it runs again.
        notes: what is on record of each cell that it runs.
        limits: of each cell.
    """

    run: str
    rerun: Rerun | None = None
    notes: tuple[str, ...] = ()
    limits: Limits = UNLIMITED
