import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from estimators.base import Estimator
from estimators.evidence.naive_mc import NaiveMC
from estimators.pathwise.quadratic_cv import QuadraticCV
from estimators.pathwise.reparam import Reparam
from estimators.pathwise.stl import STL
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.data.measured import SHAPES, Table
from tasks.regression.bnn import BNN
from tests.gradients import exact_gradient, mean_differs, replicate


def task_and_rows(data: Table = "toy", hidden: int = 2) -> tuple[BNN, Tensor]:
    torch.manual_seed(3)
    task = BNN(data, hidden)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, task.load().train


def exact(task: BNN, target: str, x: Tensor) -> Tensor:
    value = task.exact(target, x, 1)  # pyright: ignore[reportArgumentType]
    assert value is not None
    return value.detach()


@pytest.mark.parametrize(("count", "scale"), [(12, 1), (4, 3)])
def test_joint_is_prior_times_likelihood_of_the_scaled_rows(count: int, scale: int):
    """By a network written as a loop over units."""
    task, rows = task_and_rows()
    part, precision = rows[:count], task.model.log_precision.exp()
    z = torch.randn(5, 1, task.model.weights, dtype=torch.float64)
    for weights, found in zip(z[:, 0], task.model(task.prepare(part), {"z": z})[:, 0], strict=True):
        value = weights[6] + torch.zeros(count, dtype=torch.float64)
        for unit in (0, 1):
            inside = (weights[2 * unit] * part[:, 0] + weights[2 * unit + 1] * part[:, 1]) / 2**0.5
            value = value + weights[4 + unit] * torch.tanh(inside) / 2**0.5
        likelihood = Normal(value, task.model.log_noise.exp()).log_prob(part[:, -1]).sum()
        prior = Normal(0.0, precision.rsqrt()).log_prob(weights).sum()
        torch.testing.assert_close(found, prior + scale * likelihood)


@pytest.mark.parametrize(("data", "hidden"), [("toy", 1), ("toy", 3), ("diabetes", 50)])
def test_elbo_is_the_mean_of_log_weights(data: Table, hidden: int):
    task, rows = task_and_rows(data, hidden)
    x = task.prepare(rows[:20])
    guide = Normal(task.guide.loc, task.guide.log_scale.exp())
    with torch.no_grad():
        z = guide.sample(torch.Size([4000, 1]))
        log_weight = (task.model(x, {"z": z}) - guide.log_prob(z).sum(-1))[:, 0]
    # Five standard errors: one in two million runs with other draws would fail.
    assert abs(float(log_weight.mean() - exact(task, "elbo", x))) < 5 * float(log_weight.std()) / 4000**0.5
    assert float(log_weight.std()) / 4000**0.5 < 0.01 * abs(float(log_weight.mean()))


def test_no_elbo_rather_than_a_wrong_one():
    task, rows = task_and_rows("diabetes", 50)
    task.guide.log_scale.data += 6
    assert bool(exact(task, "elbo", task.prepare(rows[:5])).isnan().all())


def test_evidence_by_gauss_hermite_over_all_weights():
    task, rows = task_and_rows(hidden=1)
    # A likelihood so wide that a product rule in four dimensions resolves it.
    task.model.log_noise.data.fill_(0.9)
    x = task.prepare(rows[:3])
    noise, mass = (torch.as_tensor(array) for array in np.polynomial.hermite_e.hermegauss(24))
    deviation = torch.exp(-0.5 * task.model.log_precision)
    weights = torch.cartesian_prod(*[noise] * 4)[:, None] * deviation
    masses = torch.cartesian_prod(*[mass] * 4).prod(-1) / mass.sum() ** 4
    with torch.no_grad():
        likelihood = task.model.scale(x) * task.model.log_likelihood(x, {"z": weights}).sum(-1)[:, 0]
    expected = torch.logsumexp(masses.log() + likelihood, 0)[None]
    torch.testing.assert_close(exact(task, "evidence", x), expected, atol=1e-5, rtol=0)
    assert bool(exact(task, "elbo", x) < exact(task, "evidence", x))
    assert BNN("toy", 2).exact("evidence", x, 1) is None


def test_minibatches_are_unbiased():
    """Over all minibatches of one size, log p(x, z) and the ELBO's gradient have the whole data set's as their mean."""
    task, rows = task_and_rows()
    z = {"z": torch.randn(4, 1, task.model.weights, dtype=torch.float64)}
    batches = [task.prepare(rows[list(part)]) for part in torch.combinations(torch.arange(12), 3).tolist()]
    whole = task.prepare(rows)
    torch.testing.assert_close(torch.stack([task.model(x, z) for x in batches]).mean(0), task.model(whole, z))
    gradients = torch.stack([exact_gradient(task, "elbo", x) for x in batches])
    torch.testing.assert_close(gradients.mean(0), exact_gradient(task, "elbo", whole))


@pytest.mark.parametrize("estimator", [Reparam(), Reparam(kl="analytic"), STL(), QuadraticCV(), ReinforceLOO()])
def test_unbiased_on_a_minibatch(estimator: Estimator):
    task, rows = task_and_rows()
    x = task.prepare(rows[:4])
    draws = replicate(task, estimator, x, samples=2, count=10_000).matrix()
    assert not mean_differs(draws, exact_gradient(task, "elbo", x))


def test_evidence_by_naive_monte_carlo():
    task, rows = task_and_rows(hidden=1)
    x = task.prepare(rows)
    torch.manual_seed(0)
    weights = torch.cat([NaiveMC().estimate(task, x, 100_000).objective for _ in range(10)]).detach()
    mean = torch.logsumexp(weights, 0) - np.log(10)
    assert abs(float(mean - exact(task, "evidence", x))) < 5 * float(weights.std()) / 10**0.5
    assert float(weights.std()) < 0.05


def test_units_start_apart_and_the_function_at_zero():
    torch.manual_seed(0)
    task = BNN("toy", 4)
    inner, outer, constant = task.model.parts(task.guide.loc.detach())
    assert len(torch.unique(inner)) == inner.numel()
    assert not outer.any()
    assert not constant


@pytest.mark.parametrize("data", ["diabetes", "toy"])
def test_tables_that_are_always_there(data: Table):
    task, rows = task_and_rows(data)
    assert rows.shape == (SHAPES[data][0], SHAPES[data][1] + 1)
    assert bool((rows[:, 0] == 1).all())
    torch.testing.assert_close(rows[:, -1].mean(), torch.zeros((), dtype=torch.float64))
    torch.testing.assert_close(rows[:, -1].std(correction=0), torch.ones((), dtype=torch.float64))
    if data == "diabetes":
        assert len(rows) + len(task.load().test) == 442
        torch.testing.assert_close(rows[:, 1:-1].mean(0), torch.zeros(10, dtype=torch.float64))


def test_refuses_what_is_no_network():
    with pytest.raises(ValueError, match="hidden must be at least 1; it is 0"):
        BNN("toy", 0)
    with pytest.raises(
        ValueError, match=r"data must be diabetes, toy, or the path of a CSV file; there is no file 'x'"
    ):
        BNN("x")
    with pytest.raises(ValueError, match="leave it out"):
        BNN("toy", target="y")
