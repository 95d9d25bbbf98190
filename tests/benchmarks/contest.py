"""What is compared: the same work done by us and by a competitor, in the same process."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, TypeVar

import torch

from bench.machine.matmul import multiplied_by_onednn

Work = Callable[[], object]
"""Does a number of units of work."""

Make = Callable[[int], Work]
"""Returns the work of doing so many units (training steps, replicates), with everything set up that is not timed."""

_Result = TypeVar("_Result")


def multiplied(work: Callable[[], _Result], by_onednn: bool) -> Callable[[], _Result]:
    """Return work whose float32 matrices oneDNN multiplies, or what PyTorch leaves them to."""

    def chosen() -> _Result:
        with multiplied_by_onednn(by_onednn):
            return work()

    return chosen


@dataclass(frozen=True)
class Contest:
    """One row of the table of speeds.

    Attributes:
        name: what is done.
        against: what does the same.
        ours, competitor: make the work.
        unit: what one unit of it is.
        units: per round of ours.
        competitor_units: per round of the competitor's.
        rounds: in which both take turns.
        at_least: the ratio that is promised.
        aim: the ratio that is aimed for.
        needs: what a machine must have for it.
        fewest: units that the work makes sense for, to try it out.
    """

    name: str
    against: str
    ours: Make
    competitor: Make
    unit: str
    units: int
    competitor_units: int
    rounds: int
    at_least: float
    aim: float
    needs: tuple[Literal["cuda", "pyro", "jax"], ...] = ()
    fewest: int = 1

    def missing(self) -> str | None:
        """Return why this machine cannot run it, or None where it can."""
        if "cuda" in self.needs and not torch.cuda.is_available():
            return "needs a GPU"
        for package, name in (("pyro", "Pyro"), ("jax", "JAX")):
            if package in self.needs and find_spec(package) is None:
                return f"needs {name}: pip install -c constraints.txt -e '.[{package}]'"
        return None
