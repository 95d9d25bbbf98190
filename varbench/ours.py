"""Our packages, whose names are short and may be somebody else's, too.

`bench`, `estimators` and `tasks` are imported from beside this package, whatever lies in the working folder. Until
something of varbench is used, none of the names is taken.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

PACKAGES: Final = ("tasks", "estimators", "bench")

_PLACE: Final = Path(__file__).resolve().parents[1]


class Shadowed(ImportError):
    """A module of somebody else's has the name of one of our packages, and was imported before it."""


def claim() -> None:
    """Import our packages before anybody else's of the same name.

    Raises:
        Shadowed: another one was imported before.
    """
    for name in PACKAGES:
        module = sys.modules.get(name) or _imported(name)
        if not _is_ours(module):
            raise Shadowed(
                f"{_file(module)} hides varbench's own package '{name}': rename it, or run varbench in another folder"
            )


def _imported(name: str) -> ModuleType:
    sys.path.insert(0, str(_PLACE))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(_PLACE))


def _is_ours(module: ModuleType) -> bool:
    return _PLACE in (Path(place).resolve().parent for place in getattr(module, "__path__", ()))


def _file(module: ModuleType) -> str:
    return module.__file__ or next(iter(getattr(module, "__path__", ())), module.__name__)
