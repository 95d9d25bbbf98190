"""A block of a grid: the product of its tasks, estimators, samples, seeds and settings, as requests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from bench.execution.request import Exclusion, Request
from bench.names.registry import ESTIMATORS
from bench.names.selecting import Pattern, matches, select
from bench.names.spec import Spec

AXES: Final = (
    "batch_size",
    "optimizer",
    "model_lr",
    "guide_lr",
    "schedule",
    "model_schedule",
    "guide_schedule",
    "learning",
    "kl_warmup",
    "clip_norm",
)
"""Settings that may have several values: each is trained with each."""


@dataclass(frozen=True)
class Block:
    """What a command asks for, or one block of a file.

    Attributes:
        estimators: names, and patterns that stand for those of several names that fit.
        settings: by a field of `Request` its value; of `AXES`, a sequence of values, empty for the task's default.
        own: settings of estimators' own, by what `matches` asks of them; later ones win.
        exclude: cells that are left out.
    """

    estimators: Sequence[Spec | Pattern]
    settings: Mapping[str, Any]
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exclude: Sequence[Exclusion] = ()

    @property
    def named(self) -> dict[str, Spec]:
        """Return the estimators with patterns written out, each once."""
        found: dict[str, Spec] = {}
        for one in self.estimators:
            specs = [Spec(name) for name in select(ESTIMATORS, one.text)] if isinstance(one, Pattern) else [one]
            found.update((str(spec), spec) for spec in specs)
        return found

    @property
    def idle(self) -> list[str]:
        """Return those of `own` that are about no estimator of the block."""
        specs = self.named.values()
        return [name for name in self.own if not any(matches(ESTIMATORS, name, spec) for spec in specs)]

    @property
    def is_compared(self) -> bool:
        """Return whether its estimators are measured at common parameters."""
        at, several = self.settings.get("at"), len(self.named) > 1
        return at != "own" and several and self.settings.get("steps") != 0

    @property
    def apart(self) -> list[str]:
        """Return the estimators that are trained in another way than the block says."""
        return [name for name, spec in self.named.items() if set(AXES) & self._settings(spec).keys()]

    def requests(self) -> Iterator[Request]:
        """Give a request for each way to train: all values of the axes, with the estimators that are trained so."""
        named = self.named
        explicit = {str(one) for one in self.estimators if isinstance(one, Spec)}
        groups: dict[str, tuple[dict[str, Any], list[Spec]]] = {}
        for spec in named.values():
            own = self._settings(spec)
            groups.setdefault(repr(sorted(own.items())), (own, []))[1].append(spec)
        for own, specs in groups.values():
            settings = {**self.settings, **own}
            axes = {name: settings.pop(name) or (None,) for name in AXES if name in settings}
            for values in product(*axes.values()):
                asked = {name: value for name, value in zip(axes, values, strict=True) if value is not None}
                yield Request(
                    estimators=tuple(specs),
                    chosen=frozenset(named.keys() - explicit),
                    compared=len(named),
                    exclude=tuple(self.exclude),
                    **settings,
                    **asked,
                )

    def _settings(self, spec: Spec) -> dict[str, Any]:
        """Return the settings that an estimator has of its own."""
        found: dict[str, Any] = {}
        for name, settings in self.own.items():
            if matches(ESTIMATORS, name, spec):
                found |= settings
        return found
