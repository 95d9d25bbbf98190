"""An estimator for varbench."""
