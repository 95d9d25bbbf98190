"""Pyro's own gradients as estimators; they need the extra `pyro`, and are no part of `all`.

`programs` runs a task as a Pyro model and guide, `losses` has a class for each of Pyro's losses.
"""
