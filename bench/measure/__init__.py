"""Moments of one gradient estimate: bias, variance, signal-to-noise ratio and cost, each with an interval."""
