"""Bounds without Monte Carlo, to compare estimates with.

- `enumeration`: over every joint state of discrete latents.
- `quadrature`: in one dimension: L_K of a Gaussian guide, and integrals over the unit interval.
- `gaussian_grid`: over a grid in up to three Gaussian coordinates.
"""
