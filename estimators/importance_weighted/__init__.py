"""Estimators of bounds and posterior averages that are made of K importance weights."""
