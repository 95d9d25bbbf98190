import os

import pytest
from hypothesis import settings

# How long an example takes is the machine's affair.
settings.register_profile("varbench", deadline=None)
settings.load_profile("varbench")

# With `pytest -n`, each process has a core of its own: more threads than cores would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A package of its own, with tests of its own: it is installed and run by tests/bench/check/test_example_plugin.py.
collect_ignore = ["example_plugin"]

_LONG = (
    "tests/torture/",
    "tests/test_contributing.py",
    "tests/gpu/test_fake_cells.py",
    "tests/bench/cli/test_jobs.py",
    "tests/bench/cli/test_slurm.py",
)
"""Modules of few tests that take long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with them: with `pytest -n`, whoever has one last lets the others wait."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))
