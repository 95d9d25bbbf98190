from varbench import estimator_contract

test_antithetic_score = estimator_contract("antithetic-score", ["cubic-cost", "gaussian-quadratic", "lecture-weights"])
