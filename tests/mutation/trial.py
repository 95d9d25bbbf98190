"""One mutant under `bench check`, `bench reference` and the tests, each in a child of a process that knows torch."""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from tests.forks import write_to
from tests.mutation.mutants import ROOT, Mutant, module_files

LAYERS = ("check", "reference", "tests")

_SECONDS = {"check": 240, "reference": 240, "tests": 600}
_MOST_ESTIMATORS = 3
"""Of those that use a shared part."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        killed_by: a layer, or None where it survived.
        how: the first line that named the fault.
        seconds: that it took.
    """

    killed_by: str | None
    how: str
    seconds: float


def outcome_of(mutant: Mutant, layers: Sequence[str], log: Path) -> Outcome:
    """Run a mutant under each layer in turn until one kills it that lets its module pass as it is."""
    begun = time.perf_counter()
    for layer in layers:
        how = _in_child(mutant, layer, log)
        if how is not None and _passes_as_it_is(mutant.module, layer, log):
            return Outcome(layer, how, time.perf_counter() - begun)
    return Outcome(None, "", time.perf_counter() - begun)


@cache
def _passes_as_it_is(module: str, layer: str, log: Path) -> bool:
    source = ast.unparse(ast.parse(module_files()[module].read_text()))
    return _in_child(Mutant(module, "none", 0, "", "", source), layer, log) is None


def _in_child(mutant: Mutant, layer: str, log: Path) -> str | None:
    """Return how a layer found a mutant, or None where it passed."""
    child = os.fork()
    if child == 0:
        # Of the processor's time, since what else runs on the machine must not kill a mutant.
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS[layer], _SECONDS[layer] + 5))
        write_to(log, 1, 2)
        code = 70
        try:
            code = _RUN[layer](mutant)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU:
        return f"did not end within {_SECONDS[layer]} s of processor time"
    return None if code == 0 else _first_words(log)


def _first_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [
        line for line in lines if any(word in line for word in ("biased", "violated", "FAILED", "Error", "changed"))
    ]
    return (telling or lines or ["no output"])[0][:100]


def _check(mutant: Mutant) -> int:
    names = estimators_of(mutant.module)
    return _bench(mutant, "check", *names, "--jobs", "1", "--budget", str(30 * len(names)), "--quiet") if names else 0


def _reference(mutant: Mutant) -> int:
    names = estimators_of(mutant.module)
    options = [option for name in names for option in ("--estimator", name)]
    return _bench(mutant, "reference", *options) if names else 0


def _bench(mutant: Mutant, *arguments: str) -> int:
    _install(mutant)
    from bench.cli import main

    try:
        main([*arguments])
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    return 0


def _tests(mutant: Mutant) -> int:
    _install(mutant)
    import pytest

    files = tests_of(mutant.module)
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *map(str, files)])) if files else 0


_RUN: dict[str, Callable[[Mutant], int]] = {"check": _check, "reference": _reference, "tests": _tests}


def _install(mutant: Mutant) -> None:
    sys.meta_path.insert(0, _Finder(mutant))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the one module from the mutant's source."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        file = module_files()[fullname]
        places = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(fullname, file, loader=self, submodule_search_locations=places)

    def get_source(self, fullname: str) -> str:
        return self.mutant.source


def estimators_of(module: str) -> list[str]:
    """Return the estimators that a module defines or, of those that use it, the first few."""
    from estimators import INDEX

    places = {name: str(entry[0]).partition(":")[0] for name, entry in INDEX.items()}
    own = [name for name, place in places.items() if place == module]
    users = [name for name, place in places.items() if module in _imports(place)]
    return own or users[:: max(1, len(users) // _MOST_ESTIMATORS)][:_MOST_ESTIMATORS]


def tests_of(module: str) -> list[Path]:
    """Return the files of tests that name the module, its estimators, or its family."""
    words = {module, *(f'"{name}"' for name in estimators_of(module))}
    family = module.split(".")[1]
    files = sorted((ROOT / "tests" / "estimators").rglob("test_*.py"))
    naming = [file for file in files if any(word in file.read_text() for word in words)]
    return naming + [file for file in files if file.parent.name == family and file not in naming]


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of `estimators/` that one imports, directly or not."""
    files = module_files()
    found: set[str] = set()
    for node in ast.walk(ast.parse(files[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
            found.update(name for name in names if name in files and name != module)
    return frozenset(found.union(*(_imports(name) for name in found)))
