"""Quantiles, intervals and what several seeds say together: the ground floor of every number with an error."""
