"""What an estimator reports as its objective is a value of its target, or is declared to be something else."""

import pytest
import torch

import estimators
from bench.names.building import build_estimator
from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec
from estimators.base import Unfit
from tasks.toys.bernoulli_quadratic import BernoulliQuadratic

# Standard errors. Of some thirty normal means, one in a million draws has one further away.
_FAR = 5.5


@pytest.mark.parametrize("name", estimators.INDEX)
def test_the_mean_objective_is_the_value_of_the_target(name: str) -> None:
    torch.manual_seed(0)
    task = BernoulliQuadratic()
    x = task.load().train[:1]
    samples = max(2, ESTIMATORS.build(Spec(name)).minimum_samples)
    estimator = build_estimator(Spec(name), task, x)
    try:
        estimator.require(task, x, samples)
    except Unfit as reason:
        pytest.skip(str(reason))
    exact = task.exact("expectation", x, samples)
    assert exact is not None
    with torch.no_grad():
        found = torch.stack([estimator.estimate(task, x, samples).objective.mean() for _ in range(400)]).double()
    distance = float((found.mean() - exact.detach().mean()).abs() / found.std().clamp(min=1e-9) * len(found) ** 0.5)
    assert (distance < _FAR) is (estimator.objective == "target"), distance
