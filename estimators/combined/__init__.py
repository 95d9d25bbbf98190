"""Estimators made of others: one policy for each site, a control variate around any of them."""
