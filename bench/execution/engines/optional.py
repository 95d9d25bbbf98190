"""Optional packages."""

from importlib import import_module
from typing import Any

from bench.errors import UsageError


def needed(module: str, executor: str, extra: str) -> Any:
    """Import and return a module of an optional package.

    Args:
        module: which.
        executor: what `--executor` names that needs it.
        extra: the extra of varbench's that brings it.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--executor {executor} needs the package {error.name}, which is not installed: `pip install "
            f"'varbench[{extra}]'`"
        ) from error
