"""What `import varbench` gives."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import varbench
from tests.varbench.conftest import Python


def typed() -> dict[str, tuple[str, str]]:
    """Return where type checkers find each name: module and name in it."""
    tree = ast.parse(Path(varbench.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize(("name", "home"), typed().items())
def test_a_name_is_what_type_checkers_take_it_for(name: str, home: tuple[str, str]) -> None:
    module, known_as = home
    found = getattr(import_module(module), known_as, None) or import_module(f"{module}.{known_as}")
    assert getattr(varbench, name) is found


def test_every_name_is_typed_and_listed() -> None:
    assert sorted([*typed(), "__version__"]) == sorted(varbench.__all__)
    assert set(varbench.__all__) <= set(dir(varbench))


def test_importing_it_waits_for_nothing_and_takes_no_name(python: Python) -> None:
    code = "import sys, varbench; dir(varbench); print({'torch', 'bench', 'tasks', 'estimators'} & {*sys.modules})"
    assert python("-c", code).stdout == "set()\n"


def test_a_class_waits_for_no_more_than_it_needs(python: Python) -> None:
    code = "import sys, varbench; varbench.Estimator; print({'pandas', 'matplotlib', 'pytest'} & {*sys.modules})"
    assert python("-c", code).stdout == "set()\n"


def test_it_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="module 'varbench' has no attribute 'nothing'"):
        _ = varbench.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_it_is_the_command_line(python: Python) -> None:
    assert python("-m", "varbench", "--version").stdout == f"bench, version {varbench.__version__}\n"
    wrong = python("-m", "varbench", "rnu")
    assert (wrong.returncode, wrong.stderr) == (2, "Error: there is no command 'rnu'; did you mean 'run'?\n")
