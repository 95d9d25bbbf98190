"""Guides shared by all datapoints, or with parameters of their own for each."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from estimators.base import Estimator, Unfit
from estimators.draw import probe
from estimators.importance_weighted.dreg import DReG
from estimators.importance_weighted.wake_sleep import WakeSleep
from estimators.pathwise.reparam import Reparam
from estimators.score_function.nvil import NVIL
from estimators.score_function.reinforce import Reinforce
from tasks.base import Data, Target
from tasks.data.images import Images
from tasks.images.vae import VAE
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tasks.latent_variables.ppca import PPCA
from tasks.parts.guides import GuideKind, NormalTable, SharedNormal, index_column, indexed, indexed_bytes, row_index
from tasks.parts.image_sets import GreyImages
from tests.gradients import exact_gradient, mean_differs, replicate

KINDS: list[GuideKind] = ["shared", "per-datapoint"]


class TinyVAE(VAE, GreyImages):
    """On three pictures of four pixels."""

    def __init__(self, guide: GuideKind) -> None:
        self.guide_kind = guide
        super().__init__(latent=2, hidden=3, depth=1)

    @property
    def pixels(self) -> int:
        return 4

    def images(self) -> Images:
        grey = torch.tensor([[0, 255, 0, 255], [255, 255, 0, 0], [0, 0, 0, 255]], dtype=torch.uint8)
        return Images(grey, grey, "tiny", "three pictures")


def ppca(kind: GuideKind, latent: int = 2) -> tuple[PPCA, Tensor]:
    torch.manual_seed(3)
    task = PPCA(3, latent, n=8, guide=kind)
    for parameter in task.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype)
    return task, task.load().train[2:5]


def linear_gaussian(kind: GuideKind) -> tuple[LinearGaussian, Tensor]:
    torch.manual_seed(3)
    task = LinearGaussian(dim=1, n=8, perturbation=0.3, guide=kind)
    return task, task.load().train[2:5]


@pytest.mark.parametrize("kind", KINDS)
def test_ppca_elbo_is_evidence_less_divergence(kind: GuideKind):
    task, x = ppca(kind)
    guide = probe(task.guide, x).sites["z"].distribution
    full = MultivariateNormal(guide.mean, scale_tril=guide.stddev.diag_embed())
    posterior = task.model.posterior(x[:, :3])
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    torch.testing.assert_close(elbo, evidence - kl_divergence(full, posterior))


@pytest.mark.parametrize("kind", KINDS)
def test_linear_gaussian_elbo_is_evidence_less_divergence(kind: GuideKind):
    task, x = linear_gaussian(kind)
    guide = probe(task.guide, x).sites["z"].distribution
    posterior = Independent(Normal((x[:, :1] + task.model.loc) / 2, 0.5**0.5), 1)
    elbo, evidence = task.exact("elbo", x, 1), task.exact("evidence", x, 1)
    assert elbo is not None
    assert evidence is not None
    torch.testing.assert_close(elbo, evidence - kl_divergence(guide, posterior))


CASES: list[tuple[Callable[[], Estimator], Target, int]] = [
    (Reinforce, "elbo", 1),
    (Reparam, "elbo", 1),
    (DReG, "iwae", 2),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("make", "target", "samples"), CASES)
def test_unbiased(kind: GuideKind, make: Callable[[], Estimator], target: Target, samples: int):
    for task, x in (ppca(kind, latent=1), linear_gaussian(kind)):
        draws = replicate(task, make(), x, samples=samples, count=10_000).matrix()
        assert not mean_differs(draws, exact_gradient(task, target, x, samples=samples))


def test_dreams_have_the_shared_guide_as_their_target():
    task, x = linear_gaussian("shared")
    draws = replicate(task, WakeSleep(), x, count=20_000).gradients["guide.loc"]
    value = task.exact("sleep", x, 1)
    assert value is not None
    [gradient] = torch.autograd.grad(value.mean(), [task.guide.get_parameter("loc")])
    assert not mean_differs(draws, gradient)


@pytest.mark.parametrize("make", [ppca, linear_gaussian])
def test_dreams_have_no_row_in_a_table(make: Callable[[GuideKind], tuple[PPCA | LinearGaussian, Tensor]]):
    task, x = make("per-datapoint")
    assert task.exact("sleep", x, 1) is None
    with pytest.raises(Unfit, match="only has parameters for the training rows"):
        WakeSleep().require(task, x, 1)


def test_a_row_of_the_table_is_learned_from_its_own_datapoint():
    task, x = ppca("per-datapoint")
    value = task.exact("elbo", x, 1)
    assert value is not None
    [gradient] = torch.autograd.grad(value.sum(), [task.guide.get_parameter("loc")])
    assert gradient.any(1).nonzero()[:, 0].tolist() == [2, 3, 4]


def test_a_shared_guide_says_the_same_of_every_datapoint():
    task, x = ppca("shared")
    guide = probe(task.guide, x).sites["z"].distribution
    assert bool((guide.mean == guide.mean[0]).all())
    assert isinstance(task.guide, SharedNormal)


@pytest.mark.parametrize("count", [3, 1000, 60_000])
def test_a_row_is_found_again_in_float32(count: int):
    rows = torch.zeros(count, 2)
    x = indexed(Data(rows, rows, "zeros")).train
    assert torch.equal(row_index(x, count), torch.arange(count))
    bytes_ = indexed_bytes(Data(rows.to(torch.uint8), rows.to(torch.uint8), "zeros")).train
    assert bytes_.dtype == torch.uint8
    assert torch.equal(row_index(index_column(bytes_, count).float(), count), torch.arange(count))


def test_a_table_has_no_test_data():
    assert len(ppca("per-datapoint")[0].load().test) == 0
    assert len(TinyVAE("per-datapoint").load().test) == 0
    assert len(TinyVAE("shared").load().test) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_vae_learns_with_it(kind: GuideKind):
    torch.manual_seed(0)
    task = TinyVAE(kind).double()
    data = task.load()
    task.initialise(data)
    optimizer = torch.optim.Adam(task.parameters(), lr=0.05)
    objectives = []
    for _ in range(100):
        estimate = Reparam().estimate(task, task.prepare(data.train).double(), 20)
        optimizer.zero_grad()
        (-estimate.surrogate.mean()).backward()
        optimizer.step()
        objectives.append(float(estimate.objective.mean()))
    assert objectives[-1] > objectives[0] + 0.1


def test_vae_rows_keep_their_pixels_and_their_place():
    task = TinyVAE("per-datapoint")
    data = task.load()
    x = task.prepare(data.train[1:])
    assert torch.equal(x[:, :4], task.images().train[1:].float() / 255)
    assert isinstance(task.guide, NormalTable)
    assert torch.equal(row_index(x, 3), torch.tensor([1, 2]))
    draws = replicate(task, Reparam(), x, count=8)
    assert bool((draws.gradients["guide.loc"][:, 0] == 0).all())
    assert bool((draws.gradients["guide.loc"][:, 1:] != 0).all())


def test_a_network_that_reads_x_fits_too():
    task, x = ppca("per-datapoint")
    estimator = NVIL()
    estimator.prepare(task, x)
    assert estimator.double().estimate(task, x, 1).objective.shape == (3,)


@pytest.mark.parametrize("make", [lambda kind: PPCA(guide=kind), lambda kind: LinearGaussian(guide=kind), TinyVAE])
def test_refuses_an_unknown_kind(make: Callable[[str], object]):
    with pytest.raises(ValueError, match="guide must be amortized, shared or per-datapoint; it is 'local'"):
        make("local")
