"""A module that does not import: varbench reports it, and goes on."""

raise RuntimeError("this machine lacks what the estimator needs")
