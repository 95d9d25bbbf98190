import pytest
import torch

from tasks.parts.pixels import LogisticPixels
from tests.gradients import mean_differs

LEVELS = torch.arange(256, dtype=torch.float64) / 255


def logistic(pixels: int, scale: float) -> LogisticPixels:
    found = LogisticPixels(pixels).double()
    with torch.no_grad():
        found.log_scale.fill_(scale).log_()
    return found


@pytest.mark.parametrize("logit", [-6.0, 0.3, 4.0])
@pytest.mark.parametrize("scale", [1e-3, 0.05, 2.0])
def test_probabilities_of_the_256_levels_add_up_to_one(logit: float, scale: float):
    logits = torch.full((1, 256, 1), logit, dtype=torch.float64)
    log_prob = logistic(1, scale).log_prob(LEVELS[:, None], logits)[0]
    torch.testing.assert_close(log_prob.exp().sum(), torch.tensor(1.0, dtype=torch.float64))
    assert (log_prob <= 0).all()


def test_log_prob_and_its_gradient_stay_finite_in_the_tails():
    pixels = logistic(1, 1e-3)
    logits = torch.full((1, 256, 1), -4.0, dtype=torch.float64, requires_grad=True)
    log_prob = pixels.log_prob(LEVELS[:, None], logits)
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert pixels.log_scale.grad is not None
    assert pixels.log_scale.grad.isfinite().all()


def test_pixels_are_drawn_from_their_probabilities():
    torch.manual_seed(0)
    pixels, logit = logistic(1, 0.3), torch.tensor([[[0.7]]], dtype=torch.float64)
    drawn = pixels.simulate(logit.expand(100_000, 1, 1))[:, 0]
    probability = pixels.log_prob(LEVELS[:, None], logit.expand(1, 256, 1))[0].exp()
    powers = torch.cat([drawn, drawn**2, (drawn == 0).double(), (drawn == 1).double()], 1)
    expected = torch.stack([probability @ LEVELS, probability @ LEVELS**2, probability[0], probability[-1]])
    assert not mean_differs(powers, expected)
