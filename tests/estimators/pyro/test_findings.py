"""What docs/libraries.md says of Pyro, with Pyro alone: none of our programs, estimators or exact values takes part.

A plate of replicates with a parameter each gives as many independent gradients in one call.
"""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false

import itertools
import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import RenyiELBO, ReweightedWakeSleep, Trace_ELBO, TraceMeanField_ELBO
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from tests.gradients import mean_differs

COUNT = 20_000
OBSERVED = 1.2


def gradients(loss: object, model: object, guide: object) -> Tensor:
    """Return a gradient in the guide's parameter for each replicate, [COUNT, 1]."""
    torch.manual_seed(0)
    with pyro.get_param_store().scope():
        loss.loss_and_grads(model, guide)
        slopes = pyro.param("logit").unconstrained().grad
        return -(torch.zeros(COUNT) if slopes is None else slopes)[:, None].double()


def logit() -> Tensor:
    return pyro.param("logit", torch.full((COUNT,), 0.3))


def bit() -> None:
    with pyro.plate("replicates", COUNT):
        z = pyro.sample("z", dist.Bernoulli(0.4))
        pyro.sample("x", dist.Normal(z, 0.5), obs=torch.tensor(OBSERVED))


def bit_guide() -> None:
    with pyro.plate("replicates", COUNT):
        pyro.sample("z", dist.Bernoulli(logits=logit()))


def bound(at: Tensor, alpha: float, samples: int) -> Tensor:
    """Return the Rényi bound as a sum over all tuples of states."""
    states = torch.tensor([0.0, 1.0], dtype=torch.float64)
    log_q = Bernoulli(logits=at).log_prob(states)
    log_w = Bernoulli(torch.tensor(0.4).double()).log_prob(states) + Normal(states, 0.5).log_prob(
        torch.tensor(OBSERVED).double()
    )
    log_w, total = log_w - log_q, torch.zeros((), dtype=torch.float64)
    for chosen in itertools.product(range(2), repeat=samples):
        index = list(chosen)
        mean = torch.logsumexp((1 - alpha) * log_w[index], 0) - math.log(samples)
        total = total + log_q[index].sum().exp() * mean / (1 - alpha)
    return total


@pytest.mark.parametrize("alpha", [0.0, 0.5, -1.0])
def test_renyis_score_function_has_the_coefficient_of_infinitely_many_samples(alpha: float):
    at = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad(bound(at, alpha, 2), at)
    loss = RenyiELBO(alpha=alpha, num_particles=2, vectorize_particles=True, max_plate_nesting=1)
    drawn = gradients(loss, bit, bit_guide)
    assert mean_differs(drawn, exact[None])
    assert bool((drawn == 0).all()) == (alpha == 0)
    # At K = 1 and α → 1 both are the ELBO's.
    one = Trace_ELBO(max_plate_nesting=1)
    (elbo,) = torch.autograd.grad(bound(at, 1 - 1e-6, 1), at)
    assert not mean_differs(gradients(one, bit, bit_guide), elbo[None].float().double())


class Draws(Messenger):
    """Keeps what is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Tensor] = {}

    def _pyro_post_sample(self, msg: Any) -> None:
        self.values[msg["name"]] = msg["value"]


def test_reweighted_wake_sleep_weighs_the_rows_of_a_plate_together():
    rows = torch.tensor([0.3, 1.2, -0.5, 0.9])

    def model() -> None:
        with pyro.plate("rows", 4):
            z = pyro.sample("z", dist.Bernoulli(0.4))
            pyro.sample("x", dist.Normal(z, 0.5), obs=rows)

    def guide() -> None:
        with pyro.plate("rows", 4):
            pyro.sample("z", dist.Bernoulli(logits=pyro.param("slope", torch.tensor(0.3)) * rows))

    torch.manual_seed(0)
    with pyro.get_param_store().scope(), Draws() as draws:
        theta_loss, _ = ReweightedWakeSleep(num_particles=3, max_plate_nesting=1).loss(model, guide)
    z = draws.values["z"]
    log_w = Bernoulli(0.4).log_prob(z) + Normal(z, 0.5).log_prob(rows) - Bernoulli(logits=0.3 * rows).log_prob(z)
    together = torch.logsumexp(log_w.sum(1), 0) - math.log(3)
    apart = (torch.logsumexp(log_w, 0) - math.log(3)).sum()
    torch.testing.assert_close(-theta_loss, together)
    assert not torch.isclose(together, apart, rtol=1e-3)


def reverse() -> None:
    with pyro.plate("replicates", COUNT):
        second = pyro.sample("second", dist.Normal(0.0, 1.0))
        first = pyro.sample("first", dist.Normal(0.8 * second, 1.0))
        pyro.sample("x", dist.Normal(first + second, 1.0), obs=torch.tensor(OBSERVED))


def reverse_guide() -> None:
    with pyro.plate("replicates", COUNT):
        first = pyro.sample("first", dist.Normal(0.4, 0.8))
        pyro.sample("second", dist.Normal(logit() * first, 0.7))


def reverse_elbo(slope: Tensor) -> Tensor:
    """Return the ELBO by quadrature over the two noises."""
    nodes = torch.linspace(-8, 8, 161, dtype=torch.float64)
    mass = Normal(0.0, 1.0).log_prob(nodes).exp() * (nodes[1] - nodes[0])
    first = (0.4 + 0.8 * nodes)[:, None]
    second = slope * first + 0.7 * nodes
    normal = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0).log_prob
    log_p = normal(second) + normal(first - 0.8 * second) + normal(OBSERVED - first - second)
    log_q = Normal(0.4, 0.8).log_prob(first) + Normal(slope * first, 0.7).log_prob(second)
    return (mass[:, None] * mass * (log_p - log_q)).sum()


def test_trace_mean_field_is_wrong_where_the_guide_turns_the_model_round():
    at = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad(reverse_elbo(at), at)
    assert not mean_differs(gradients(Trace_ELBO(max_plate_nesting=1), reverse, reverse_guide), exact[None])
    with pytest.warns(UserWarning, match="Failed to verify mean field restriction"):
        drawn = gradients(TraceMeanField_ELBO(max_plate_nesting=1), reverse, reverse_guide)
    assert mean_differs(drawn, exact[None])
