"""What an estimator or a task that is not ours is made of: its files' hash, or its distribution and version.

Ours are told apart by the version that each declares. Somebody's own may change from one run to the next, and a result
of what it was before is no result of what it is now.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Final

from bench.names.consent import modules_of
from bench.names.registry import Registry
from bench.names.spec import Spec

_OURS: Final = frozenset({"varbench", "bench", "estimators", "tasks"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_DIGITS: Final = 16


def source_of(registry: Registry, spec: Spec) -> str:
    """Return the source of what a spec names and of the modules that its parameters name; empty where all is ours.

    Of a module in a folder of the user's it is a hash of its file and of all that it imports from that folder; of an
    installed one its distribution and version. Nothing is imported to find out, so that what is imported under a name
    that is computed is missed, and so are files of data.
    """
    path, offered = spec.name, ""
    if not registry.is_ours(spec.name) and spec.name in registry.entries:
        path, offered = registry.entries[spec.name].path, registry.entries[spec.name].distribution
    modules = modules_of(Spec(path, spec.parameters))
    return "; ".join(dict.fromkeys(filter(None, (offered, *map(_source, modules)))))


def _source(module: str) -> str:
    """Return a module's files in words, with their hash; the distribution and version of one that is installed."""
    top = module.partition(".")[0]
    root = None if top in sys.stdlib_module_names else _root(top)
    if root is None:
        return ""
    if root.name in _INSTALLED:
        return " and ".join(f"{name} {version(name)}" for name in sorted(set(packages_distributions().get(top, ()))))
    files = sorted(_files(module, root))
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    more = f" with {len(files) - 1} more" if len(files) > 1 else ""
    return f"{module}{more}, sha256 {digest.hexdigest()[:_DIGITS]}"


def _root(top: str) -> Path | None:
    """Return the folder that a top-level module or package lies in; None where there is none."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = spec.submodule_search_locations or ([spec.origin] if spec.has_location else [])
    return next((Path(place).resolve().parent for place in places if place), None)


def _files(module: str, root: Path) -> set[Path]:
    """Return the files of a module and of what it imports from the folder `root`; what is ours is not followed."""
    found: set[Path] = set()
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file(name, root)
        if file is None:
            continue
        found.add(file)
        # A package's own file is run before any module in it.
        above = name.rpartition(".")[0]
        imported = _imported(name, file)
        waiting += [one for one in (above, *imported) if one and one.partition(".")[0] not in _OURS]
    return found


def _file(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path / "__init__.py", path.with_name(f"{path.name}.py")) if file.is_file()), None)


def _imported(module: str, file: Path) -> Iterator[str]:
    """Give the names of all that a module's code may import: modules, and what is imported from one, which may be."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # whoever imports it is told
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                base = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue  # a relative import that leads out of the package, and fails if it is run
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
