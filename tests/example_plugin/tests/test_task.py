from varbench import task_contract

test_cubic_cost = task_contract("cubic-cost", ["reparam", "reinforce-loo", "enumerate"])
