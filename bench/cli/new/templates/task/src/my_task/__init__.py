"""A task for varbench."""
