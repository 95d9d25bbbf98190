import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from tasks.parts.networks import DiagonalNormal, bernoulli_log_prob, dense, hidden_layers


def test_glorot():
    torch.manual_seed(0)
    layer = dense(300, 100)
    bound = math.sqrt(6 / 400)
    assert layer.weight.abs().max() <= bound
    # The variance of 30 000 uniform draws, with a standard error of 0.5% (kurtosis 1.8).
    assert layer.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.025)
    assert not layer.bias.any()


def test_hidden_layers_end_with_their_activation():
    network = hidden_layers([5, 4, 3], torch.nn.ReLU)
    assert [type(layer).__name__ for layer in network] == ["Linear", "ReLU", "Linear", "ReLU"]
    assert network(torch.randn(2, 7, 5)).shape == (2, 7, 3)


def test_diagonal_normal():
    head = DiagonalNormal(4, 3).double()
    features = torch.randn(5, 4, dtype=torch.float64)
    q = head(features)
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    both = head.loc_and_log_scale(features)
    z = torch.randn(2, 5, 3, dtype=torch.float64)
    expected = Normal(both[:, :3], both[:, 3:].exp()).log_prob(z).sum(-1)
    torch.testing.assert_close(q.log_prob(z), expected)


def test_diagonal_normal_has_two_glorot_halves():
    torch.manual_seed(0)
    head = DiagonalNormal(100, 50)
    bound = math.sqrt(6 / 150)
    for half in head.loc_and_log_scale.weight.chunk(2):
        assert 0.99 * bound < half.abs().max() <= bound


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_bernoulli_log_prob(scale: float):
    torch.manual_seed(0)
    x = torch.randint(0, 2, (3, 6)).double()
    logits = (scale * torch.randn(4, 3, 6, dtype=torch.float64)).requires_grad_()
    torch.testing.assert_close(bernoulli_log_prob(x, logits), Bernoulli(logits=logits).log_prob(x).sum(-1))
    (gradient,) = torch.autograd.grad(bernoulli_log_prob(x, logits).sum(), logits)
    # softplus is linear beyond 20, where its derivative differs from the sigmoid by less than exp(-20).
    torch.testing.assert_close(gradient, (x - torch.sigmoid(logits)).detach(), atol=math.exp(-20), rtol=0)


def test_bernoulli_log_prob_of_grey_pixels_is_the_cross_entropy():
    torch.manual_seed(0)
    x, logits = torch.rand(3, 6).double(), torch.randn(4, 3, 6).double()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    torch.testing.assert_close(bernoulli_log_prob(x, logits), -loss.sum(-1))
