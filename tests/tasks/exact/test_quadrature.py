import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from tasks.exact.quadrature import importance_bound, interval_nodes, normal_nodes, resolved

FLOAT64 = torch.zeros((), dtype=torch.float64)


def linear(slope: float, count: int) -> Tensor:
    """log w = slope · ε, [N, 1]: a log-normal weight."""
    return (slope * normal_nodes(count, FLOAT64))[:, None]


def test_one_sample_is_a_plain_expectation():
    log_weight = normal_nodes(65, FLOAT64)[:, None] ** torch.tensor([1, 2, 4])
    torch.testing.assert_close(importance_bound(log_weight, 1), torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64))


@pytest.mark.parametrize("slope", [0.1, 1.0, 2.0])
def test_two_samples_by_one_dimension(slope: float):
    # log((e^{su} + e^{sv})/2) = s(u+v)/2 + log cosh(s(u−v)/2) with u−v ~ N(0, 2): an integral in one dimension.
    nodes, weights = np.polynomial.hermite_e.hermegauss(250)
    expected = weights @ np.log(np.cosh(slope * nodes / math.sqrt(2))) / weights.sum()
    assert importance_bound(linear(slope, 129), 2).item() == pytest.approx(expected, abs=1e-9)


def test_three_samples_by_full_tensor_grid():
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    points = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"))
    mass = np.einsum("i,j,k->ijk", weights, weights, weights)
    expected = (mass * (logsumexp(points, axis=0) - math.log(3))).sum()
    # Gauss–Hermite with 100 nodes is itself within 1e-9 at slope one.
    assert importance_bound(linear(1.0, 65), 3).item() == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("samples", "count"), [(2, 65), (3, 49)])
def test_converged(samples: int, count: int):
    coarse = importance_bound(linear(2.0, count), samples).item()
    fine = importance_bound(linear(2.0, 2 * count - 1), samples).item()
    assert coarse == pytest.approx(fine, abs=1e-8)


def test_unresolved_weights_give_nan_and_a_nan_gradient():
    slope = torch.tensor([2.0, 60.0], dtype=torch.float64, requires_grad=True)
    bound = importance_bound(slope * normal_nodes(65, FLOAT64)[:, None], 2)
    assert bound.isnan().tolist() == [False, True]
    bound.sum().backward()
    assert slope.grad is not None
    assert slope.grad.isnan().tolist() == [False, True]


@pytest.mark.parametrize(("a", "b"), [(0.1, 3.0), (0.5, 0.5), (20.0, 300.0)])
def test_interval_with_poles_at_its_ends(a: float, b: float):
    log_z, log_mass = interval_nodes(513, torch.zeros(1).double())
    log_beta = log_mass + (a - 1) * log_z[:, 0] + (b - 1) * log_z[:, 1]
    expected = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    assert float(log_beta.logsumexp(0)) == pytest.approx(expected, abs=1e-9)
    assert float((log_beta[::2] + math.log(2)).logsumexp(0)) == pytest.approx(expected, abs=1e-6)


def test_unresolved_is_no_number():
    fine = torch.tensor([1.0, 1.0], requires_grad=True)
    value = resolved(fine, torch.tensor([1.00001, 1.1]))
    assert value.isnan().tolist() == [False, True]
