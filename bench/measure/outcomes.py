"""Whether replicates that are all equal are so because the gradient has no variance, or because an event is rare."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, final

import torch
from torch import Tensor
from torch._C import _functorch as functorch  # pyright: ignore[reportAttributeAccessIssue] - not in the stubs

from bench.machine.dispatch import DispatchMode
from bench.machine.streams import seeded
from bench.measure.point import Point
from bench.measure.replicates import LOOP, Draws, Replicator
from tasks.base import Task

NO_EVENT: Final = (
    "all replicates of a gradient are equal, and so are the outcomes behind them: if another outcome is rare, nothing "
    "is known about the variance, and the bias may be zero"
)

_DRAWS: Final = 200


def unseen_outcomes(point: Point, replicator: Replicator, chunk: int) -> bool:
    """Return whether some discrete latent has the same outcome in 200 replicates though it was drawn at random.

    Another outcome may then be rare, and may change the gradient. An estimator that draws nothing, or declares that its
    gradient never varies, and continuous latents of one whose noise cancels, leave no such doubt.
    """
    if point.estimator.zero_variance == "always":
        return False
    with seeded(point.x.device, "outcomes"):
        return draws_at_random(replicator, point.x) and _drawn_alike(point, replicator, chunk)


def draws_at_random(replicator: Draws, x: Tensor) -> bool:
    """Return whether one replicate takes a random number of PyTorch's."""
    with _Random() as random:
        replicator.draw(x, LOOP)
    return random.used


def _drawn_alike(point: Point, replicator: Replicator, chunk: int) -> bool:
    size = min(chunk, _DRAWS)
    draws = list[list[Tensor]]()
    for _ in range(-(-_DRAWS // size)):
        with _discrete_draws(point.task, size) as drawn:
            replicator.draw(point.x, size)
        draws.append(drawn)
    shapes = {tuple(value.shape[1:] for value in drawn) for drawn in draws}
    # What is drawn differently often from one replicate to the next cannot be compared.
    return len(shapes) == 1 and any(_some_alike(torch.cat(values)) for values in zip(*draws, strict=True))


def _some_alike(values: Tensor) -> bool:
    """Return whether some element is the same in all replicates, [n, ...]."""
    return bool((values == values[:1]).all(0).any())


@contextmanager
def _discrete_draws(task: Task, size: int) -> Iterator[list[Tensor]]:
    """Collect values [size, K, B, event] of discrete sites that the guide draws within the body, in `size` replicates.

    Within `vmap` values that all replicates share are not drawn at random, and are left out.
    """
    drawn: list[Tensor] = []

    def collect(_guide: Any, arguments: tuple[Any, ...], _result: Any) -> None:
        for site in arguments[1].trace.sites.values():
            support = site.distribution.support
            if support is not None and support.is_discrete:
                values = _by_replicate(site.value.detach())
                if len(values) == size:
                    # A relaxed value stands for the outcome that it is nearest to.
                    drawn.append(values.round())

    handle = task.guide.register_forward_hook(collect)
    try:
        yield drawn
    finally:
        handle.remove()


def _by_replicate(value: Tensor) -> Tensor:
    """Return what a tensor within `vmap` holds, replicates first; outside, one replicate."""
    batched = False
    while functorch.is_functorch_wrapped_tensor(value):
        place = functorch.maybe_get_bdim(value)
        value = functorch.get_unwrapped(value)
        if place >= 0:
            value, batched = value.movedim(place, 0), True
    return value if batched else value[None]


@final
class _Random(DispatchMode):
    """Notes whether a random number is drawn within the body."""

    def __init__(self) -> None:
        super().__init__()
        self.used = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.used = self.used or torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))
