"""What `import bench` gives."""

import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str, folder: Path) -> str:
    """Return what a fresh Python prints, in a folder without any results."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "name",
    ["load", "Results", "figures.figure", "pictures.draw", "samples.KINDS", "tables.comparison", "tables.render"],
)
def test_whatever_an_example_names_is_there(name: str, tmp_path: Path):
    assert run(f"import bench; print(bench.{name} is not None)", tmp_path) == "True"


def test_importing_it_waits_for_nothing_large(tmp_path: Path):
    code = "import sys, bench; print(sorted({'torch', 'pandas', 'matplotlib', 'scipy', 'numpy'} & set(sys.modules)))"
    assert run(code, tmp_path) == "[]"


def test_what_it_offers_is_listed_without_being_imported(tmp_path: Path):
    code = "import sys, bench; print(set(bench.__all__) <= set(dir(bench)), 'pandas' in sys.modules)"
    assert run(code, tmp_path) == "True False"


def test_samples_is_the_former_name_of_pictures(tmp_path: Path):
    assert run("import bench; print(bench.samples is bench.pictures)", tmp_path) == "True"


def test_it_has_nothing_else(tmp_path: Path):
    code = "import bench\ntry: bench.nothing\nexcept AttributeError as error: print(error)"
    assert run(code, tmp_path) == "module 'bench' has no attribute 'nothing'"
