"""The packages that `bench new` writes: complete ones, in which only the names are changed."""

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bench.errors import UsageError
from bench.names.registry import ESTIMATORS, TASKS, Registry
from bench.names.selecting import ALL

KINDS: Final = ("estimator", "task")
"""What a package may have."""

_TEMPLATES: Final = Path(__file__).parent / "templates"
_REGISTRIES: Final[Mapping[str, Registry[Any]]] = {one.kind: one for one in (ESTIMATORS, TASKS)}
_LONGEST: Final = 50
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Names:
    """What a package and what is in it are called.

    Attributes:
        name: of the distribution, and of the estimator or the task.
        module: of the package that is imported.
        cls: of the class.

    >>> from bench.cli.new.package import Names
    >>> Names.of("my-baseline")
    Names(name='my-baseline', module='my_baseline', cls='MyBaseline')
    """

    name: str
    module: str
    cls: str

    @classmethod
    def of(cls, name: str) -> "Names":
        """Return all names that follow from one."""
        return cls(name, name.replace("-", "_"), "".join(word.capitalize() for word in name.split("-")))


def names(kind: str, name: str) -> Names:
    """Return what a new package and what is in it are called.

    Raises:
        UsageError: it is no name, or something else has it.
    """
    if not _is_name(name):
        raise UsageError(
            f"'{name}' is not a name for {_REGISTRIES[kind].one}: use lower-case letters and digits, a dash between "
            f"words, at most {_LONGEST} characters, such as my-{kind}{_nearest(name)}"
        )
    called = Names.of(name)
    if reason := next(_taken(kind, called), ""):
        raise UsageError(f"'{name}' is taken: {reason}; choose another name")
    return called


def files(kind: str, called: Names) -> dict[Path, str]:
    """Return the text of each file of a package by its path."""
    folder, own = _TEMPLATES / kind, Names.of(f"my-{kind}")

    def renamed(text: str) -> str:
        for before, after in ((own.name, called.name), (own.module, called.module), (own.cls, called.cls)):
            text = text.replace(before, after)
        return text

    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    return {Path(renamed(str(path.relative_to(folder)))): renamed(path.read_text("utf-8")) for path in paths}


def trials(kind: str, called: Names) -> tuple[str, ...]:
    """Return the commands that try out what a package has, once it is installed."""
    if kind == "estimator":
        return (
            f"bench check {called.name}",
            f"bench run --task gaussian-quadratic --estimator {called.name} --no-train",
        )
    return (
        f"bench check reinforce-loo reparam --task {called.name}",
        f"bench run --task {called.name} --estimator reinforce --estimator reparam",
    )


def write(folder: Path, texts: Mapping[Path, str]) -> Iterator[Path]:
    """Write files into a folder that is made, or is empty, and give their paths.

    Raises:
        UsageError: something is there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is a file"
        raise UsageError(f"{folder} {what}: give another folder with --out")
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        yield file


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST and _NAME.fullmatch(text) is not None


def _nearest(name: str) -> str:
    """Return `; did you mean 'x'?` where words are only written in another way, else nothing."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)
    meant = "-".join(words).lower()
    return f"; did you mean '{meant}'?" if _is_name(meant) else ""


def _taken(kind: str, called: Names) -> Iterator[str]:
    """Give the reasons why a name cannot be had: whoever has it already would be in the way, or no longer be found."""
    for registry in _REGISTRIES.values():
        if called.name in registry.aliases:
            yield f"it is another name of the {registry.kind} {registry.aliases[called.name]}"
        elif called.name in registry.entries or registry.is_ours(called.name):
            entry = registry.entries.get(called.name)
            whose = f" {entry.summary}" if entry and entry.distribution else ""
            yield f"it is {registry.one}{whose}"
    if called.name == ALL:
        yield f"it stands for every {kind} that fits"
    for word in (called.module, called.cls):
        if keyword.iskeyword(word):
            yield f"`{word}` is a keyword or built-in name of Python"
    with suppress(PackageNotFoundError):
        yield f"{called.name} {version(called.name)} is installed"
    # Of a folder without code there is a spec, too, and no origin: it gives way to a package.
    if (spec := find_spec(called.module)) and spec.origin:
        yield f"there is a module `{called.module}`, {spec.origin}"
    if called.cls in _used(kind):
        yield f"the code of a new {kind} uses `{called.cls}` for something else"


def _used(kind: str) -> set[str]:
    """Return the names that the code of a template uses."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (_TEMPLATES / kind).rglob("*.py")]
    return {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
