"""What a plain run of guide and model shows of their sites and plates, and what does not fit."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from pyro.distributions import Delta
from pyro.poutine.messenger import Messenger
from pyro.poutine.subsample_messenger import _Subsample
from torch import Tensor

from tasks.pyro.programs import Misfit, Program, around, within


@dataclass(frozen=True)
class Plate:
    """A plate: its name, its size as it was run and in all, and its dimension, None where it is a loop."""

    name: str
    size: int
    whole: int
    dim: int | None


@dataclass(frozen=True)
class Seen:
    """One sample statement as it was run.

    Attributes:
        scale: of its log density, that of subsampling left out.
        given: whether its value is given by the program.
    """

    name: str
    fn: Any
    value: Tensor
    plates: tuple[Plate, ...]
    scale: Any
    masked: bool
    given: bool
    auxiliary: bool


@final
class Record(Messenger):
    """Notes every sample statement; those that only name a value are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: dict[str, Seen] = {}
        self.plates: dict[str, _Subsample] = {}

    def _pyro_post_sample(self, msg: Any) -> None:
        name, fn = msg["name"], msg["fn"]
        if isinstance(fn, _Subsample):
            self.plates[name] = fn
            return
        if msg["infer"].get("_deterministic"):
            return
        plates = tuple(Plate(f.name, f.size, f.full_size or f.size, f.dim) for f in msg["cond_indep_stack"])
        scale = msg["scale"]
        for plate in plates:
            if plate.size < plate.whole:
                scale = scale * plate.size / plate.whole
        masked = msg["mask"] is not None
        self.sites[name] = Seen(
            name, fn, msg["value"], plates, scale, masked, msg["is_observed"], msg["infer"].get("is_auxiliary", False)
        )


def _is_open(msg: Any) -> bool:
    """Return whether it is a latent site that has no value yet."""
    return not (msg["done"] or msg["is_observed"] or isinstance(msg["fn"], _Subsample))


@final
class Handed(Messenger):
    """Hands each latent site to `draw`, as a distribution with the batch shape that a task's sites have.

    Args:
        draw: returns the value.
        behind: how many plates stand behind the batch: they belong to the event.
    """

    def __init__(self, draw: Callable[[str, Any], Tensor], behind: int) -> None:
        super().__init__()
        self.draw, self.behind = draw, behind
        self._around = around()

    def _pyro_sample(self, msg: Any) -> None:
        if not _is_open(msg):
            return
        fn, behind = msg["fn"], self.behind
        missing = 1 + behind - len(fn.batch_shape)
        if missing > 0:
            fn = fn.expand(torch.Size([1] * missing) + fn.batch_shape)
        # Where `draw` is a statement of another program, that program's handlers see to it.
        with within(self._around):
            msg["value"] = self.draw(msg["name"], fn.to_event(behind) if behind else fn)
        msg["done"] = True


@final
class Given(Messenger):
    """Gives latent sites their values."""

    def __init__(self, latents: Any) -> None:
        super().__init__()
        self.latents = latents

    def _pyro_sample(self, msg: Any) -> None:
        if not _is_open(msg):
            return
        msg["value"], msg["done"] = self.latents[msg["name"]], True


def recorded(program: Program, args: Sequence[Any], *handlers: Messenger) -> Record:
    """Return what a run at the initial parameters shows."""
    record = Record()
    with torch.no_grad():
        program.run(program.start, args, record, *handlers)
    return record


def require_same_sites(guide: Record, model: Record) -> None:
    """Refuse sites that are drawn by one of the two only."""
    drawn = {name for name, site in guide.sites.items() if not site.given}
    latent = {name for name, site in model.sites.items() if not site.given}
    for name in guide.sites.keys() - drawn:
        raise Misfit(f"site '{name}' of the guide is observed: log q has no such factor; observe it in the model")
    for name in sorted(latent - drawn):
        raise Misfit(f"site '{name}' of the model is not drawn by the guide: draw it there, or sum it out by hand")
    for name in guide.sites:
        if guide.sites[name].auxiliary:
            raise Misfit(
                f"site '{name}' of the guide is auxiliary, as in Pyro's autoguides: write a guide that draws the sites "
                "of the model"
            )
        if name not in latent:
            raise Misfit(f"site '{name}' of the guide is not in the model: log p(x, z) has no factor of it")


def require_plain(what: str, record: Record) -> None:
    """Refuse what no estimator could see, or would see otherwise than Pyro does."""
    for name, site in record.sites.items():
        where = f"site '{name}' of the {what}"
        if site.masked:
            raise Misfit(f"{where} is masked (poutine.mask): leave out what does not count, or scale it by 0 and 1")
        if what == "guide" and isinstance(_inside(site.fn), Delta):
            raise Misfit(f"{where} is a Delta, which has no density: let the guide draw it from a distribution")
        if what == "guide" and not (isinstance(site.scale, int | float) and site.scale == 1):
            raise Misfit(f"{where} is scaled (poutine.scale): an estimator takes log q as it is; scale the model's")
        dims = {-plate.dim for plate in site.plates if plate.dim is not None}
        shape = tuple(site.fn.batch_shape)
        for place, size in enumerate(reversed(shape), 1):
            if size > 1 and place not in dims:
                raise Misfit(
                    f"{where} has the batch shape {list(shape)}, whose dimension {-place} is not a plate: declare it "
                    f"with .to_event(…), or a pyro.plate"
                )


def nesting(*records: Record) -> int:
    """Return how many dimensions vectorised plates take up."""
    plates = [plate for record in records for site in record.sites.values() for plate in site.plates]
    return max((-plate.dim for plate in plates if plate.dim is not None), default=0)


def _inside(fn: Any) -> Any:
    while hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return fn
