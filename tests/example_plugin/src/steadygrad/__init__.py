"""An estimator and a task for varbench."""
