"""Bayesian regressions: one q(w) for a whole table."""
