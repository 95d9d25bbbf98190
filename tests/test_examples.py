"""Every public function has an example in its docstring, and every example of a public module does what it says.

An example is what one would type into Python in a folder that holds the `results/` of `RUN`: it imports what it uses,
and nothing is left of the one before. Draws begin at the seed 0. `...` stands for digits that may differ by machine.
"""

import doctest
import inspect
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from bench.cli import main

PUBLIC = (
    "varbench",
    "bench",
    "bench.contract",
    "bench.figures",
    "bench.pictures",
    "bench.tables",
    "estimators.base",
    "estimators.distributions",
    "estimators.draw",
    "tasks.base",
)
"""Modules that other people's code may import from; docs/releases.md says what that promises."""

RUN = (
    "run --task gaussian-quadratic --estimator reinforce --estimator reparam "
    "--samples 2 --seeds 0,1 --steps 20 --replicates 100"
)
"""What the examples' results are made by."""

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public(module: ModuleType) -> dict[str, Any]:
    """Return what a module offers by name: its `__all__`, or where it has none what it defines."""
    listed: list[str] | None = getattr(module, "__all__", None)
    if listed is not None:
        return {name: getattr(module, name) for name in listed}
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def offered() -> dict[str, Any]:
    """Return every public function and class by the first name that it is offered under."""
    found: dict[str, Any] = {}
    for path in PUBLIC:
        for name, value in public(import_module(path)).items():
            if (inspect.isfunction(value) or inspect.isclass(value)) and value not in found.values():
                found[f"{path}.{name}"] = value
    return found


def examples() -> Iterator[doctest.DocTest]:
    """Give the examples of the public modules, and those of the functions and classes that they offer."""
    parser, finder = doctest.DocTestParser(), doctest.DocTestFinder(exclude_empty=True)
    for path in PUBLIC:
        module = import_module(path)
        yield parser.get_doctest(module.__doc__ or "", {}, path, module.__file__, 0)
    for name, value in offered().items():
        # What a module offers may be defined in another; with `False`, it is looked into all the same.
        yield from finder.find(value, name, module=False, globs={})  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a results folder."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(folder / "cache"))
        with pytest.raises(SystemExit) as left:
            main([*RUN.split(), "--out", str(folder / "results")])
    assert left.value.code == 0
    return folder / "results"


def test_every_public_function_has_an_example() -> None:
    missing = [
        name
        for name, value in offered().items()
        if inspect.isfunction(value) and ">>>" not in (inspect.getdoc(value) or "")
    ]
    assert not missing, f"{len(missing)} public functions have no example"


@pytest.mark.parametrize("example", [pytest.param(found, id=found.name) for found in examples() if found.examples])
def test_an_example_does_what_it_says(
    example: doctest.DocTest, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    report: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=report.append)
    assert not failed, "".join(report)
