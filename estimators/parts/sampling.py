"""How the base noise of K samples is drawn: independently, in mirrored pairs, or from a randomised quasi-random net."""

from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Size, Tensor

from estimators.base import Estimator, Unfit
from estimators.distributions import IID, Antithetic, Noise, Unsupported
from estimators.draw import Detached
from tasks.base import Task

Sampling = Literal["iid", "antithetic", "rqmc"]

_BITS: Final = 30
_LIMIT: Final = 21_201
"""Dimensions for which Sobol direction numbers are known."""


class AnyDraws(Estimator):
    """An estimator that averages a function of single draws: any K draws do, each with the right distribution.

    One that compares its K samples with each other (leave-one-out baselines, importance-weighted bounds) needs them
    independent, and offers no choice.

    Args:
        sampling: iid; antithetic, ε with −ε and u with 1 − u; or rqmc, randomly shifted Sobol points.
    """

    def __init__(self, sampling: Sampling = "iid") -> None:
        super().__init__()
        if sampling not in get_args(Sampling):
            raise ValueError(f"sampling must be {', '.join(get_args(Sampling))}; it is '{sampling}'")
        self.sampling = sampling

    def noise(self) -> Noise:
        """Return the noise of one estimate."""
        return {"iid": IID, "antithetic": Antithetic(), "rqmc": ShiftedSobol()}[self.sampling]

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        try:
            with torch.no_grad():
                task.guide(x[:1], Detached(samples, self.noise()))
        except Unsupported as reason:
            raise Unfit(f"sampling={self.sampling} does not fit {task.called}: {reason}") from reason


class ShiftedSobol(Noise):
    """Sobol points along the sample axis with a random digital shift, one of its own for each datapoint.

    Every point is uniform, so that averages are unbiased; together they fill the cube evenly, best when K is a power of
    two. The sites of one run share one net: each takes the dimensions that follow those of the site before.
    Owen 2023, "Practical Quasi-Monte Carlo Integration", section 17.
    """

    def __init__(self) -> None:
        self._used = 0

    def uniform(self, shape: Size, like: Tensor) -> Tensor:
        event = Size(shape[2:])
        first, self._used = self._used, self._used + event.numel()
        if self._used > _LIMIT:
            raise Unsupported(f"Sobol points have at most {_LIMIT} dimensions; use iid or antithetic draws")
        points = torch.as_tensor(_sobol(shape[0], self._used)[:, first:], device=like.device)
        points = points.reshape(shape[0], *(1,) * (len(shape) > 1), *event)
        shift = torch.randint(2**_BITS, (1, *shape[1:]), device=like.device)
        # Half a cell above the lattice: neither end of (0, 1) is hit, where Φ⁻¹ is infinite.
        return ((points ^ shift).to(like.dtype) + 0.5) / 2**_BITS

    def normal(self, shape: Size, like: Tensor) -> Tensor:
        # In double precision: 1 − 2⁻³¹ is one in single precision.
        return torch.special.ndtri(self.uniform(shape, like.double())).to(like.dtype)


# A NumPy array, since a tensor that is first made inside a torch.func transform must not outlive it.
@lru_cache(maxsize=32)
def _sobol(count: int, dimensions: int) -> NDArray[np.int64]:
    """Return the first `count` points as whole numbers below 2^30, [K, D]."""
    # Imported where it is asked for: scipy.stats takes as long as half of torch.
    from scipy.stats import qmc

    # The next power of two, of which scipy draws without complaint; the first K are the same.
    power = max(count - 1, 0).bit_length()
    points = qmc.Sobol(dimensions, scramble=False, bits=_BITS).random_base2(power)[:count]
    return (points * 2**_BITS).astype(np.int64)
