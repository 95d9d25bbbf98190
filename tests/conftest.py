import os

# With `pytest -n`, each process has a core of its own: more threads than cores would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A package of its own, with tests of its own: it is installed and run by tests/bench/check/test_example_plugin.py.
collect_ignore = ["example_plugin"]
