"""Where a user's own `module:Class` is looked for: after everything that is installed."""

import sys
from pathlib import Path


def look_in_working_folder() -> None:
    """Let modules be imported from the working folder, where no other has their name."""
    if "" not in sys.path:
        sys.path.append("")


def overlooked(module: str) -> str:
    """Return which file in the working folder was ignored, since another module has its name; else nothing.

    Args:
        module: what was imported, or could not be.
    """
    top = module.partition(".")[0]
    own = next((path for path in (Path(f"{top}.py"), Path(top)) if path.exists()), None)
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if own is None or loaded is None or Path(loaded).resolve().is_relative_to(Path.cwd() / own):
        return ""
    return f"; {own} in the working folder was ignored, since {loaded} has its name: rename yours"
