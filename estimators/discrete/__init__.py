"""Estimators for discrete latents: relaxations, couplings, enumeration."""
