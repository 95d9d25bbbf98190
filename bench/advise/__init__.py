"""Which estimator should one use on a task? All that fit are screened, the worse stop, and the best are trained."""
