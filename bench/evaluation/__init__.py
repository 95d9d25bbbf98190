"""What is said of trained parameters, the same for every estimator."""
