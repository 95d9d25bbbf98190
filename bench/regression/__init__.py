"""Gradient moments of every estimator on small tasks, kept with the code, and whether fresh ones agree with them."""
