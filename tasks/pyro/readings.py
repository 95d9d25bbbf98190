"""Which rows a program has: all its data as one observation, or a plate of rows that can be taken in minibatches."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor

from tasks.pyro.programs import Misfit, Program
from tasks.pyro.sites import Given, Plate, Record, nesting, recorded

Kind = Literal["whole", "rows", "indices", "minibatches"]
"""How data reach a program.

whole: one observation, B = 1; all plates belong to events.
rows: every site lies in a plate of as many rows as the arguments have: the program is called with a batch of them.
indices: every site lies in a plate that subsamples: it is given the batch's rows.
minibatches: as `indices`, but latents are outside of the plate, and shared by all rows.
"""


@final
@dataclass(frozen=True)
class Reading:
    """How a program is read.

    Attributes:
        kind: see `Kind`.
        args: what the program is called with, all of them.
        plate: of the rows; None where the data are one observation.
        nesting: how many dimensions vectorised plates take up.
    """

    kind: Kind
    args: tuple[Any, ...]
    plate: Plate | None
    nesting: int

    @property
    def behind(self) -> int:
        """How many plates stand behind the batch, and belong to events."""
        return self.nesting - (self.kind in ("rows", "indices"))

    def stored(self) -> Tensor:
        """Return the rows that a task stores, [N, D]: the arguments' own, or their numbers."""
        if self.plate is None:
            return torch.zeros(1, 0)
        if self.kind != "rows":
            return torch.arange(self.plate.whole)[:, None]
        columns = [arg.reshape(len(arg), -1) for arg in self.args if isinstance(arg, Tensor)]
        return torch.cat([column.to(torch.get_default_dtype()) for column in columns], 1)

    def call(self, x: Tensor) -> tuple[tuple[Any, ...], dict[str, Tensor]]:
        """Return what the program is called with for observations x, and the rows of its plate by the plate's name."""
        if self.plate is None:
            return self._converted(x), {}
        if self.kind != "rows":
            return self._converted(x), {self.plate.name: x.reshape(-1).long()}
        args, start = [], 0
        for arg in self.args:
            if isinstance(arg, Tensor):
                width = math.prod(arg.shape[1:])
                part = x[:, start : start + width].reshape(len(x), *arg.shape[1:])
                args.append(part if arg.is_floating_point() else part.to(arg.dtype))
                start += width
            else:
                args.append(arg)
        return tuple(args), {}

    def _converted(self, x: Tensor) -> tuple[Any, ...]:
        return tuple(
            arg.to(x.device, x.dtype if arg.is_floating_point() else None) if isinstance(arg, Tensor) else arg
            for arg in self.args
        )

    def digest(self) -> str:
        """Return a hash of the arguments."""
        digest = hashlib.sha256()
        for arg in self.args:
            if isinstance(arg, Tensor):
                digest.update(f"{arg.dtype} {list(arg.shape)}\0".encode() + arg.detach().cpu().numpy().tobytes())
            else:
                digest.update(f"{arg!r}\0".encode())
        return digest.hexdigest()[:12]


def read(guide: Program, model: Program, args: tuple[Any, ...], seen: tuple[Record, Record]) -> Reading:
    """Return how data reach a program.

    Raises:
        Misfit: a plate subsamples, and not all latents are inside of it, or all outside.
    """
    depth = nesting(*seen)
    small = _subsampled(seen)
    if small is not None:
        return _by_indices(small, args, seen, depth)
    for plate in _common(seen):
        if plate.dim == -depth and _follows_rows(plate, guide, model, args, seen):
            return Reading("rows", args, plate, depth)
    return Reading("whole", args, None, depth)


def _by_indices(plate: Plate, args: tuple[Any, ...], seen: tuple[Record, Record], depth: int) -> Reading:
    inside = {site.name for site in seen[0].sites.values() if plate.name in {own.name for own in site.plates}}
    outside = seen[0].sites.keys() - inside
    if not inside:
        return Reading("minibatches", args, plate, depth)
    if outside:
        raise Misfit(
            f"plate '{plate.name}' subsamples, with site '{min(inside)}' of the guide inside and site "
            f"'{min(outside)}' outside: log q would have to count {plate.whole}/{plate.size} times inside only; take "
            "all rows (leave subsample_size out)"
        )
    if plate not in _common(seen):
        raise Misfit(f"plate '{plate.name}' subsamples, but a site of the model is outside it: put all sites inside")
    if plate.dim != -depth:
        raise Misfit(
            f"plate '{plate.name}' subsamples, but is not the leftmost: give it dim=-{depth}, and inner plates those "
            "to its right"
        )
    return Reading("indices", args, plate, depth)


def _subsampled(seen: tuple[Record, Record]) -> Plate | None:
    """Return the plate that subsamples.

    Raises:
        Misfit: there are two, or it is a loop.
    """
    names = {
        name: fn
        for record in seen
        for name, fn in record.plates.items()
        if fn.subsample_size is not None and fn.subsample_size < fn.size
    }
    if not names:
        return None
    if len(names) > 1:
        raise Misfit(f"plates {' and '.join(map(repr, sorted(names)))} subsample; at most one may")
    (name,) = names
    for record in seen:
        for site in record.sites.values():
            for plate in site.plates:
                if plate.name == name and plate.dim is not None:
                    return plate
    raise Misfit(f"plate '{name}' subsamples, but is a loop, or has no site: write `with pyro.plate(…) as index`")


def _common(seen: tuple[Record, Record]) -> list[Plate]:
    """Return the vectorised plates that every site of both programs lies in."""
    found = [{plate for plate in site.plates if plate.dim is not None} for r in seen for site in r.sites.values()]
    return sorted(set.intersection(*found), key=lambda plate: plate.name) if found else []


def _follows_rows(
    plate: Plate, guide: Program, model: Program, args: tuple[Any, ...], seen: tuple[Record, Record]
) -> bool:
    """Return whether programs that are called with some of the rows have a plate of as many, and the same values."""
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    if plate.size < 2 or not tensors or any(arg.dim() == 0 or len(arg) != plate.size for arg in tensors):
        return False
    fewer = plate.size // 2
    part = tuple(arg[:fewer] if isinstance(arg, Tensor) else arg for arg in args)
    latents = {
        name: site.value.narrow(site.value.dim() - site.fn.event_dim + (plate.dim or 0), 0, fewer)
        for name, site in seen[0].sites.items()
    }
    try:
        some = recorded(guide, part, Given(latents)), recorded(model, part, Given(latents))
    except Exception:
        # A parameter for each row, or a size that is written out: one observation.
        return False
    return all(
        fewer == next((own.size for own in site.plates if own.name == plate.name), 0)
        for record in some
        for site in record.sites.values()
    )


def rows_last(term: Tensor, dim: int, depth: int) -> Tensor:
    """Return a log density [K, 1, plates…] as [K, 1, M], summed over plates other than that of the rows.

    Args:
        term: what a site adds; dimensions on the left may be missing.
        dim: of the plate of the rows.
        depth: how many dimensions plates take up.
    """
    term = term.reshape((1,) * max(0, depth + 2 - term.dim()) + term.shape).movedim(dim, -1)
    return term.flatten(2, -2).sum(2) if depth > 1 else term
