"""What `mine:model` on the command line stands for."""

import importlib
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, final

import torch
from torch import Tensor

from tasks.pyro.programs import Misfit


@final
class Names:
    """Finds `module:name`, each module imported under the same seed.

    A class in a path, as in `mine:VAE.model`, stands for one instance of it, which model, guide and data share: its
    networks are drawn anew for each task that is built, where those that a module makes are drawn once.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def find(self, parameter: str, path: str) -> Any:
        """Return what a path stands for.

        Args:
            parameter: of the task, for the sentence that refuses it.
            path: `module:name`, or `module:Class.name`.

        Raises:
            Misfit: the path has another form, or the module or the name is not there.
        """
        module, colon, names = path.partition(":")
        if not colon or not module or not names:
            raise Misfit(f"{parameter}={path}: write module:name, as in {parameter}=mine:{parameter}")
        found, where = _imported(parameter, module), module
        for name in names.split("."):
            if not hasattr(found, name):
                close = get_close_matches(name, dir(found), 1)
                hint = f"; did you mean '{close[0]}'?" if close else ""
                raise Misfit(f"{parameter}={path}: {where} has no '{name}'{hint}")
            found, where = getattr(found, name), f"{where}.{name}"
            if isinstance(found, type):
                found = self._made.setdefault((module, where), found) if (module, where) in self._made else found()
                self._made[module, where] = found
        return found

    def arguments(self, path: str) -> tuple[Any, ...]:
        """Return what a program is called with: a tuple, or one thing; what can be called is called for it.

        Raises:
            Misfit: see `find`.
        """
        found = self.find("data", path)
        if isinstance(found, Callable) and not isinstance(found, Tensor):
            found = found()
        return found if isinstance(found, tuple) else (found,)


def _imported(parameter: str, module: str) -> Any:
    # What a module draws while it is imported must not depend on what was drawn before.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module.partition(".")[0]:
                raise
            raise Misfit(
                f"{parameter}={module}:…: there is no module {module}, neither installed nor in the working folder"
            ) from error
