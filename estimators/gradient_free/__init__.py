"""Estimators that only evaluate f, at perturbed parameters of the guide."""
