import pytest
import torch
from torch.distributions import Beta, Independent, LowRankMultivariateNormal, MultivariateNormal, Normal, kl_divergence
from torch.func import vmap

from estimators.pathwise.reparam import Reparam
from tasks.images.vae import VAEMnist
from tests.gradients import mean_differs, replicate

FACTOR = torch.tensor([[0.5, 0.0], [-0.3, 2.0]], dtype=torch.float64)
LOC = torch.tensor([[1.0, -2.0], [0.3, 0.0]], dtype=torch.float64)


def test_full_covariance_from_a_diagonal_one_is_torchs_for_two_full_ones():
    mean, scale = LOC.flip(0), torch.tensor([0.7, 1.5], dtype=torch.float64).expand(2, 2)
    q = MultivariateNormal(LOC, scale_tril=FACTOR, validate_args=False)
    diagonal = Independent(Normal(mean, scale), 1)
    full = MultivariateNormal(mean, scale_tril=torch.diag_embed(scale))
    torch.testing.assert_close(kl_divergence(q, diagonal), kl_divergence(q, full))


def test_low_rank_covariance_from_a_diagonal_one_is_that_of_the_full_one():
    loadings, own, scale = FACTOR[:, :1], FACTOR[:, 1].square() + 0.2, torch.tensor([0.7, 1.5], dtype=torch.float64)
    q = LowRankMultivariateNormal(LOC, loadings, own)
    full = MultivariateNormal(LOC, loadings @ loadings.T + own.diag())
    p = Independent(Normal(LOC.flip(0), scale), 1)
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(full, p))


def test_it_is_batched_by_vmap():
    def divergence(loc: torch.Tensor) -> torch.Tensor:
        q = MultivariateNormal(loc, scale_tril=FACTOR, validate_args=False)
        standard = Normal(torch.zeros_like(loc), torch.ones_like(loc), validate_args=False)
        return kl_divergence(q, Independent(standard, 1, validate_args=False))

    torch.testing.assert_close(vmap(divergence)(LOC), divergence(LOC))


def test_another_family_has_no_closed_form():
    full = MultivariateNormal(LOC, scale_tril=FACTOR, validate_args=False)
    for q in (full, LowRankMultivariateNormal(LOC, FACTOR, LOC.exp())):
        with pytest.raises(NotImplementedError):
            kl_divergence(q, Independent(Beta(LOC.exp(), LOC.exp()), 1))


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_an_analytic_divergence_has_the_mean_of_a_sampled_one(beta: float):
    torch.manual_seed(0)
    task = VAEMnist(data="tiny", latent=2, hidden=3, depth=1, covariance="full", beta=beta).double()
    x = task.prepare(task.load().train[:4])
    analytic = Reparam(kl="analytic")
    analytic.require(task, x, 1)
    draws = replicate(task, analytic, x, samples=1, count=20_000).matrix()[:, -1:]
    exact = task.exact("elbo", x, 1)
    assert exact is not None
    assert not mean_differs(draws, exact.mean().detach()[None])
