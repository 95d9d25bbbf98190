"""Pathwise and measure-valued estimators: the derivative moves the sample, or the density it is drawn from."""
