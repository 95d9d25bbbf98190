"""A program is tried before it is a task: run by itself, run again, and run on several samples at once."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch.distributions import Distribution

from tasks.base import Task
from tasks.pyro.programs import Misfit, Program, of_type, plates_of
from tasks.pyro.readings import Reading
from tasks.pyro.sites import Given, Record, recorded, require_plain, require_same_sites

_RUNS: Final = 3
_SAMPLES: Final = 3
_ROWS: Final = 2
_ROUNDING: Final = 1e-3
"""Of a log density in float32, relative to one plus its size."""


def look(
    model: Callable[..., Any], guide: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Program, Program, tuple[Record, Record]]:
    """Return the guide and the model with what a run of each shows, the model's at the guide's draws.

    Raises:
        Misfit: a program fails, its sites vary, or they do not fit those of the other.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        guides, first = _program("guide", guide, args)
        latents = {name: site.value for name, site in first.sites.items()}
        models, _ = _program("model", model, args, latents)
        seen = None
        for _ in range(_RUNS):
            own = recorded(guides, args)
            latents = _Latents({name: site.value for name, site in own.sites.items() if not site.given})
            pair = own, recorded(models, args, Given(latents))
            if seen is not None:
                for what, before, now in zip(("guide", "model"), seen, pair, strict=True):
                    _require_same(what, before, now)
            seen = pair
    assert seen is not None
    require_same_sites(*seen)
    for what, record in zip(("guide", "model"), seen, strict=True):
        require_plain(what, record)
    _share_out(guides, models, args, seen[0])
    return guides, models, seen


def _share_out(guides: Program, models: Program, args: tuple[Any, ...], drawn: Record) -> None:
    """Leave parameters that are known to both programs to the one that uses them."""
    both = [name for name, origin in guides.origin.items() if models.origin.get(name) == origin]
    if not both:
        return
    latents = {name: site.value for name, site in drawn.sites.items()}
    used = []
    for program in (guides, models):
        values = {name: value.clone().requires_grad_(name in both) for name, value in program.start.items()}
        record = Record()
        program.run(values, args, record, Given(latents))
        total = torch.stack([site.fn.log_prob(site.value).sum() for site in record.sites.values()]).sum()
        leaves = [values[name] for name in both]
        found = torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * len(leaves)
        used.append({name for name, slope in zip(both, found, strict=True) if slope is not None})
    if shared := sorted(used[0] & used[1]):
        raise Misfit(f"parameter '{shared[0]}' belongs to both the model and the guide: give each its own")
    guides.drop(name for name in both if name not in used[0])
    models.drop(name for name in both if name not in used[1])


def require_broadcasting(
    task: Task, reading: Reading, programs: tuple[Program, Program], seen: tuple[Record, Record]
) -> dict[str, Distribution]:
    """Refuse programs that do not give each of several samples the log density that it has by itself.

    Returns:
        The guide's distributions, as they are drawn.
    """
    guides, models = programs
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(0)
        x = task.prepare(reading.stored()[:_ROWS]).to(next(task.parameters()).dtype)
        sites: dict[str, Distribution] = {}
        latents: dict[str, Tensor] = {}

        def draw(name: str, distribution: Distribution) -> Tensor:
            sites[name] = distribution
            shape = (_SAMPLES,) if len(distribution.batch_shape) == 1 else ()
            latents[name] = distribution.sample(torch.Size(shape))
            return latents[name]

        with _together(guides):
            task.guide(x, draw)
            log_q = sum(d.log_prob(latents[name]) for name, d in sites.items())
        with _together(models):
            log_p = task.model(x, latents)
        for program, found in ((guides, log_q), (models, log_p)):
            rows = 1 if reading.kind in ("whole", "minibatches") else len(x)
            if not isinstance(found, Tensor) or found.shape != (_SAMPLES, rows):
                shape = list(found.shape) if isinstance(found, Tensor) else found
                raise Misfit(f"the {program.what} has the log density {shape} for {_SAMPLES} samples of {rows} rows")
            for k in range(_SAMPLES):
                alone = _alone(reading, program, x, {name: value[k] for name, value in latents.items()}, seen)
                if abs(float(found[k].sum()) - alone) > _ROUNDING * (1 + abs(alone)):
                    raise Misfit(
                        f"the {program.what} gives {float(found[k].sum()):.6g} for a sample among {_SAMPLES}, but "
                        f"{alone:.6g} for it alone: {_LEFT}"
                    )
    return sites


_LEFT: Final = "samples are the leftmost dimension, [K, …], as with Trace_ELBO(vectorize_particles=True)"


def _alone(
    reading: Reading, program: Program, x: Tensor, latents: dict[str, Tensor], seen: tuple[Record, Record]
) -> float:
    """Return the log density of one sample, of a run that knows of no other."""
    if reading.kind in ("whole", "minibatches"):
        latents = {name: value.reshape(seen[0].sites[name].value.shape) for name, value in latents.items()}
    args, rows = reading.call(x)
    with of_type(x), plates_of(rows):
        record = recorded(program, args, Given(latents))
    total = 0.0
    for site in record.sites.values():
        scale = site.scale
        for plate in site.plates:
            if reading.kind == "minibatches":
                scale = scale * plate.whole / plate.size
        total += float((site.fn.log_prob(site.value) * scale).sum())
    return total


def _program(
    what: str, function: Callable[..., Any], args: tuple[Any, ...], latents: dict[str, Tensor] | None = None
) -> tuple[Program, Record]:
    handlers = () if latents is None else (Given(_Latents(latents)),)
    program = Program.__new__(Program)
    try:
        program.__init__(what, function, args, *handlers)
        return program, recorded(program, args, *handlers)
    except Misfit:
        raise
    except Exception as error:
        place = program.place(error) if hasattr(program, "function") else ""
        raise Misfit(f"the {what} fails: {_said(error)}{place}") from error


class _Latents(dict[str, Tensor]):
    """Values of the guide's sites, for a model that may have others."""

    def __missing__(self, name: str) -> Tensor:
        raise Misfit(f"site '{name}' of the model is not drawn by the guide: draw it there, or sum it out by hand")


def _require_same(what: str, before: Record, now: Record) -> None:
    """Refuse sites that are not in every run, or have another shape there."""
    for name in before.sites.keys() ^ now.sites.keys():
        raise Misfit(f"site '{name}' of the {what} is not in every run: no draw may decide which sites exist")
    for name, site in now.sites.items():
        shapes = list(before.sites[name].value.shape), list(site.value.shape)
        if shapes[0] != shapes[1]:
            raise Misfit(f"site '{name}' of the {what} has the shapes {shapes[0]} and {shapes[1]} in two runs")


@contextmanager
def _together(program: Program) -> Iterator[None]:
    """Say of an error where in the program it is, and that samples stand on the left."""
    try:
        yield
    except Misfit:
        raise
    except Exception as error:
        place = program.place(error)
        raise Misfit(
            f"the {program.what} does not take {_SAMPLES} samples at once: {_said(error)}{place}; {_LEFT}"
        ) from error


def _said(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
