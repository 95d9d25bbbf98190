"""What somebody's own estimators and tasks are made of is known without importing it."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.names.registry import ESTIMATORS, TASKS, Registry
from bench.names.source import source_of
from bench.names.spec import parse_spec

FILES = {
    "mine.py": "import math, torch\nfrom near import Scale\nfrom tasks.base import Task\n\nclass Toy: ...\n",
    "near.py": "def later():\n    from parts.deep import Deep\n\nScale = 2\n",
    "parts/__init__.py": "from . import beside\n",
    "parts/beside.py": "",
    "parts/deep.py": "from ..out import nothing\nfrom .below import Deep\n",
    "parts/below.py": "Deep = 1\n",
    "apart.py": "import near\n",
    "broken.py": "def (\n",
    "model.py": "import broken\n",
}
NEEDED = ["mine.py", "near.py", "parts/__init__.py", "parts/beside.py", "parts/deep.py", "parts/below.py"]

Of = Callable[[str], str]


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Of:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    return lambda spec: source_of(TASKS, parse_spec(spec))


@pytest.mark.parametrize("file", FILES)
def test_a_source_is_that_of_every_file_that_is_imported_from_its_folder(of: Of, file: str) -> None:
    before = of("mine:Toy")
    assert before.startswith("mine with 5 more, sha256 ")
    assert of("mine:Toy") == before
    Path(file).write_text(f"{FILES[file]}# edited\n")
    assert (of("mine:Toy") != before) is (file in NEEDED)
    assert "mine" not in sys.modules


def test_modules_that_parameters_name_belong_to_it(of: Of) -> None:
    before = of("vae-mnist(model=model:Net, data=5k)")
    assert before.startswith("model with 1 more, sha256 ")
    Path("model.py").write_text("")
    assert of("vae-mnist(model=model:Net, data=5k)") != before
    assert of("vae-mnist(data='C:/images')") == ""
    assert "; model with 1 more" not in of("mine:Toy(model=model:Net)")
    assert "; model, sha256" in of("mine:Toy(model=model:Net)")


def test_ours_have_none() -> None:
    named = [(TASKS, "vae-mnist"), (ESTIMATORS, "reinforce"), *((ESTIMATORS, alias) for alias in ESTIMATORS.aliases)]
    assert {source_of(registry, parse_spec(name)) for registry, name in named} == {""}


def test_what_is_installed_has_its_version(of: Of) -> None:
    assert of("numpy.random:Generator") == f"numpy {version('numpy')}"
    assert of("json:JSONDecoder") == of("no_such_module:Thing") == ""


def test_a_plug_in_of_a_distribution_has_its_version_and_its_files(of: Of, tmp_path: Path) -> None:
    info = tmp_path / "their_tasks-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tasks\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[their.tasks]\ntheirs = mine:Toy\n")
    registry = Registry("task", {}, {}, "their.tasks", TASKS.protocol)
    assert source_of(registry, parse_spec("theirs")) == f"their-tasks 1.2; {of('mine:Toy')}"
