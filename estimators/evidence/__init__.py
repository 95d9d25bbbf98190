"""Estimators of log p(x) itself."""
