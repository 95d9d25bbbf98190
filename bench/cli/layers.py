"""Who wins: the command line over a block of a file, that over the file's top; each over the preset that it names."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bench.cli.presets import PRESETS

_RIVALS: Final = {
    "steps": ("no_train",),
    "no_train": ("steps",),
    "replicates": ("precision",),
    "precision": ("replicates",),
    **dict.fromkeys(
        (
            *("optimizer", "model_lr", "schedule", "model_schedule", "guide_schedule", "learning"),
            *("kl_warmup", "clip_norm", "checkpoints", "at"),
        ),
        ("no_train",),
    ),
}
"""By an option, those beside which it has nothing to do."""


def without_overruled(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without those that others, which win, give another value to, or leave nothing to do.

    >>> from bench.cli.layers import without_overruled
    >>> without_overruled({"steps": 50, "guide_lr": (0.1,), "precision": 0.1}, {"no_train": True, "replicates": 40})
    {'guide_lr': (0.1,)}
    """
    asked = {name for name, value in above.items() if value is not False}
    return {
        name: value
        for name, value in below.items()
        if name not in above and not any(rival in asked for rival in _RIVALS.get(name, ()))
    }


def layered(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what options come to, given the least first. A preset is beneath the options that it is named with.

    >>> from bench.cli.layers import layered
    >>> layered([{"steps": 1000, "samples": (5,)}, {"preset": "smoke", "steps": 50}])["steps"]
    50
    """
    found: dict[str, Any] = {}
    for layer in layers:
        preset = PRESETS.get(layer.get("preset") or "", {})
        # A preset is about how long and how precisely, and not about whether there is training.
        if found.get("no_train") or layer.get("no_train"):
            preset = {name: value for name, value in preset.items() if name not in ("steps", "checkpoints")}
        for options in (preset, layer):
            found = {**without_overruled(found, options), **options}
    return found
