"""The thermodynamic objective itself, and its learned schedule."""

import pytest
import torch

from estimators.importance_weighted.tvo import TVO
from tests.estimators.exactness import exact_gradient_of, lecture_weights
from tests.gradients import exact_gradient


def test_tvo_objective_is_between_elbo_and_evidence_and_tightens():
    task, x = lecture_weights(), lecture_weights().load().train
    values = [exact_gradient_of(TVO(partitions), task, x, 2)[-1].item() for partitions in (1, 2, 5, 50)]
    assert values[0] == pytest.approx(exact_gradient(task, "elbo", x)[-1].item(), abs=1e-6)
    assert values == sorted(values)
    assert values[-1] < 0.7


def test_learned_tvo_schedule_tightens_the_bound_and_only_by_its_own_loss():
    torch.manual_seed(0)
    task, x = lecture_weights(), lecture_weights().load().train
    estimator = TVO(3, schedule="learned").double()
    before = exact_gradient_of(estimator, task, x, 2)[-1]
    optimizer = torch.optim.Adam(estimator.parameters(), lr=0.05)
    for _ in range(150):
        estimate = estimator(task, x, 200)
        assert estimate.auxiliary is not None
        own = torch.autograd.grad(estimate.surrogate.sum(), estimator.log_widths, allow_unused=True, retain_graph=True)
        assert own == (None,)
        optimizer.zero_grad()
        estimate.auxiliary.backward()
        optimizer.step()
    assert all(parameter.grad is None for parameter in task.parameters())
    after = exact_gradient_of(estimator, task, x, 2)[-1]
    widths, betas = estimator.widths()
    assert betas[0].item() == 0
    assert widths.sum().item() == pytest.approx(1)
    assert after > before + 0.01
