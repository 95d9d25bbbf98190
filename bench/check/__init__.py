"""Is an estimator's gradient what it claims to be? The statistical tests, the declared properties, the verdicts."""
