from importlib.util import find_spec

# Pyro is an extra.
collect_ignore_glob = [] if find_spec("pyro") else ["test_*.py"]
