"""How estimators are measured on tasks, and the `bench` command.

`bench.load(path)` returns the tidy tables of a results folder as pandas frames.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.results.tables import Results, load

__all__ = ["Results", "load"]


def __getattr__(name: str) -> Any:
    """Import on first use: `bench --help` must not wait for torch or pandas."""
    if name in __all__:
        return getattr(import_module("bench.results.tables"), name)
    raise AttributeError(f"module 'bench' has no attribute '{name}'")
