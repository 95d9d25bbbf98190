"""docs/architecture.md says what is so, and the contract of imports can be broken."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES = ("varbench", "bench", "estimators", "tasks")

FAULTS = {
    "estimators/base.py": "import bench.errors",
    "estimators/draw.py": "import tasks.toys.gaussian",
    "estimators/distributions/__init__.py": "import estimators.base",
    "tasks/base.py": "import tasks.images.vae",
    "bench/fields.py": "import varbench",
    "bench/errors.py": "import bench.cli",
    "bench/new_room/__init__.py": "",
}
"""A line that is added to a file, for each contract one that breaks it."""


def layers(package: str) -> list[set[str]]:
    """Return the rooms of a package by layer, as the contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [contract] = [each for each in contracts if each.get("containers") == [package]]
    return [set(layer.split(" | ")) for layer in contract["layers"]]


def rooms(package: str) -> set[str]:
    return {
        path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a copy of the packages."""
    code = "from importlinter.cli import lint_imports_command as main; main()"
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_layers_are_those_of_the_contract() -> None:
    found: list[set[str]] = []
    for number, names in re.findall(r"^\| (\d*) ?\| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE):
        if number:
            found.append(set())
        found[-1] |= set(re.findall(r"`(\w+)`", names))
    assert found == layers("bench")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_90_second_version_names_every_room_and_fits_on_a_screen(package: str) -> None:
    screen = PAGE.partition("```text\n")[2].partition("```")[0]
    assert len(screen.splitlines()) <= 40
    assert max(map(len, screen.splitlines())) <= 100
    named = set(re.findall(r"\w+", screen))
    for_others = {"__init__", "__main__", "families", "gaussian_toys", "base", "draw"}
    assert rooms(package) - for_others <= named


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/releases.md"])
def test_files_that_are_named_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:varbench|bench|estimators|tasks|tests|docs|\.ci|\.github)/[\w./]+)`", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_contracts_of_imports_are_kept_and_can_be_broken(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    kept = lint_imports(tmp_path)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    for path, line in FAULTS.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{file.read_text(encoding='utf-8') if file.exists() else ''}\n{line}\n", encoding="utf-8")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert "Contracts: 0 kept, 6 broken." in broken.stdout
    assert "- bench.new_room" in broken.stdout
