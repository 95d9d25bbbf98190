# A package of its own, with tests of its own: it is installed and run by tests/bench/check/test_example_plugin.py.
collect_ignore = ["example_plugin"]
