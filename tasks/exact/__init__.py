"""Exact bounds, by enumeration or quadrature."""
