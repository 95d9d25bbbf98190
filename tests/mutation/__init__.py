"""Are faults in `estimators/` found? `python -m tests.mutation` breaks them on purpose, one place at a time."""
