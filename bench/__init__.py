"""How estimators are measured on tasks, and the `bench` command; what is for other people's code is in `varbench`.

`bench.load` returns the tidy tables of a results folder as pandas frames; `bench.tables` arranges them, `bench.figures`
draws them, and `bench.pictures` draws what a trained model of images does.

>>> import bench
>>> results = bench.load("results")
>>> sorted(results.final["estimator"].unique())
['reinforce', 'reparam']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from varbench.ours import claim

if TYPE_CHECKING:
    from bench import figures, pictures, tables
    from bench import pictures as samples
    from bench.results.tables import Results, load

__all__ = ["Results", "figures", "load", "pictures", "samples", "tables"]

_HOMES: Final = {
    "Results": "bench.results.tables:Results",
    "load": "bench.results.tables:load",
    "figures": "bench.figures",
    "pictures": "bench.pictures",
    "samples": "bench.pictures",  # as it was called in the first version
    "tables": "bench.tables",
}

claim()


def __getattr__(name: str) -> Any:
    """Import on first use: `bench --help` must not wait for torch or pandas."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute '{name}'")
    module, _, attribute = _HOMES[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
