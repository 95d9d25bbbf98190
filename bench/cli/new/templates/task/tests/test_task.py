"""Is `exact` right? Estimators that are must agree with it; without the list, every one that fits the task."""

from varbench import task_contract

test_it = task_contract("my_task.task:MyTask", ["reinforce-loo", "reparam"])
