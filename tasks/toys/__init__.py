"""Expectations and weights with closed forms, in a few numbers."""
