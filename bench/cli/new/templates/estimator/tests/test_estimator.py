"""Is the mean gradient that of the target? Without the list, on every task that the estimator fits."""

from varbench import estimator_contract

test_it = estimator_contract("my_estimator.estimator:MyEstimator", ["gaussian-quadratic", "sbn-tiny"])
