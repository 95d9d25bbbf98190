"""The lecture's latent variable models, each small enough for an exact answer."""
