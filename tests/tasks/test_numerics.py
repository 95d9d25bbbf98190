"""Our log sigmoid and Poisson draws against SciPy's and PyTorch's, which fail on a GPU; uniform bytes."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit
from scipy.stats import binom, chi2
from torch import Size, Tensor
from torch.distributions import Distribution, Geometric, Independent, LogisticNormal, NegativeBinomial, Poisson
from torch.nn.functional import logsigmoid
from torch.utils._python_dispatch import TorchDispatchMode

from bench.machine.device import observations
from bench.measure.replicates import Replicator
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import parse_spec
from estimators import distributions
from tasks.images.vae import VAEMnist
from tasks.latent_variables.gamma_poisson import PoissonModel
from tasks.numerics import bytes_below_255, log_sigmoid, poisson

EDGES = [-1e30, -800.0, -40.0, -39.9, 39.9, 40.0, 87.0, 700.0, 1e30]


class Operations(TorchDispatchMode):
    """Writes down which operations of PyTorch are run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func._schema.name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_derivative_are_exact_to_rounding(dtype: torch.dtype):
    v = torch.cat([torch.linspace(-60, 60, 4001), torch.tensor(EDGES)]).to(dtype).requires_grad_()
    tolerance: dict[str, Any] = {"rtol": 4 * torch.finfo(dtype).eps, "atol": torch.finfo(dtype).tiny}
    value = log_sigmoid(v)
    (slope,) = torch.autograd.grad(value.sum(), v)
    at = v.detach().double().numpy()
    np.testing.assert_allclose(value.detach(), log_expit(at), **tolerance)
    np.testing.assert_allclose(slope, expit(-at), **tolerance)
    np.testing.assert_allclose(value.detach(), logsigmoid(v).detach(), **tolerance)


def test_second_derivative():
    v = torch.linspace(-35, 35, 71, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(log_sigmoid(v).sum(), v, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), v)
    at = v.detach().numpy()
    np.testing.assert_allclose(curvature, -expit(at) * expit(-at), rtol=1e-13, atol=1e-15)


def test_what_is_no_number_stays_none():
    value = log_sigmoid(torch.tensor([float("nan"), float("-inf"), float("inf")]))
    assert value[0].isnan()
    assert value[1:].tolist() == [-float("inf"), 0.0]


def parameters() -> Tensor:
    return torch.tensor([0.3, -2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    "family",
    [
        lambda at: LogisticNormal(at, at.exp() + 0.1, validate_args=False),
        lambda at: Independent(NegativeBinomial(at.exp(), logits=at, validate_args=False), 1),
        lambda at: Independent(Geometric(logits=at, validate_args=False), 1),
    ],
)
def test_densities_agree_with_torch_and_do_without_its_log_sigmoid(family: Any):
    at = parameters().requires_grad_()
    distribution: Distribution = family(at)
    with torch.no_grad():
        value = distribution.sample(Size([50]))
    if isinstance(distribution, LogisticNormal):
        value = torch.cat([value, torch.tensor([[1 - 1e-9, 1e-9 - 1e-12, 1e-12]], dtype=torch.float64)])
    expected = distribution.log_prob(value)
    with Operations() as watch:
        actual = distributions.log_prob(distribution, value)
        (slope,) = torch.autograd.grad(actual.sum(), at, retain_graph=True)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), at)[0], rtol=1e-10, atol=1e-10)
    assert "aten::log_sigmoid_forward" not in watch.names


def test_slope_of_the_logistic_normal_density_in_the_value():
    distribution = LogisticNormal(parameters(), parameters().exp(), validate_args=False)
    value: Tensor = distribution.sample(Size([50]))  # pyright: ignore[reportAssignmentType]
    value.requires_grad_()
    slopes = [
        torch.autograd.grad(log_prob(value).sum(), value)[0]
        for log_prob in (partial(distributions.log_prob, distribution), distribution.log_prob)
    ]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("task", "estimator"),
    [
        ("logistic-regression(data=toy)", "reparam"),
        ("logistic-normal(classes=3,n=8)", "linear-cv"),
        ("lda(topics=2,hidden=3,side=2,length=5,n=8)", "linear-cv"),
        ("sbn-tiny", "unordered-set"),
        ("sbn-tiny", "arms"),
    ],
)
def test_gradients_do_without_torch_log_sigmoid(task: str, estimator: str):
    built, by = TASKS.build(parse_spec(task)), ESTIMATORS.build(parse_spec(estimator))
    data = built.load()
    built.initialise(data)
    x = observations(built, data.train[:4])
    by.prepare(built, x)
    with Operations() as watch:
        Replicator(built, by, max(2, by.minimum_samples)).draw(x, 2)
    assert {name for name in watch.names if "log_sigmoid" in name} == set()
    assert watch.names


def test_rates_are_drawn_as_torch_draws_them():
    rate = torch.rand(500, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 30
    torch.manual_seed(0)
    found = poisson(rate)
    torch.manual_seed(0)
    assert torch.equal(found, torch.poisson(rate))


@pytest.mark.parametrize("batched", [False, True])
def test_what_is_no_rate_never_reaches_the_kernel(batched: bool, monkeypatch: pytest.MonkeyPatch):
    drawn = torch.poisson

    def as_on_a_gpu(rate: Tensor) -> Tensor:
        assert batched or bool((rate >= 0).all()), "the kernel would end the process's use of its GPU"
        return drawn(rate)

    monkeypatch.setattr(torch, "poisson", as_on_a_gpu)
    rates = torch.tensor([[3.0, torch.nan, 0.0, -1.0], [1.0, 2.0, torch.nan, 4.0]])
    found = torch.func.vmap(poisson, randomness="different")(rates) if batched else poisson(rates)
    assert torch.equal(found.isnan(), torch.tensor([[False, True, False, True], [False, False, True, False]]))


@pytest.mark.parametrize(
    "family",
    [
        lambda rate: Poisson(rate, validate_args=False),
        lambda rate: NegativeBinomial(torch.ones_like(rate), logits=rate.log(), validate_args=False),
    ],
)
def test_draws_of_counts_keep_what_is_no_number(family: Any, monkeypatch: pytest.MonkeyPatch):
    drawn = torch.poisson

    def as_on_a_gpu(rate: Tensor) -> Tensor:
        assert bool((rate >= 0).all())
        return drawn(rate)

    monkeypatch.setattr(torch, "poisson", as_on_a_gpu)
    found = distributions.sample(family(torch.tensor([2.0, torch.nan])), Size([20]))
    assert bool(found[:, 0].isfinite().all())
    assert bool(found[:, 1].isnan().all())


def test_counts_of_no_rate_are_none():
    assert PoissonModel(2).simulate({"z": torch.tensor([[[0.0, torch.nan]]])}).isnan().tolist() == [[[False, True]]]


def test_bytes_are_uniform_below_255_and_independent():
    # Pearson's statistics, at a false alarm rate of 10⁻⁶ each.
    torch.manual_seed(0)
    drawn = bytes_below_255([40_000, 784], torch.device("cpu")).long()
    counts = torch.bincount(drawn.reshape(-1), minlength=256).double()
    assert counts[255] == 0
    expected = drawn.numel() / 255
    assert float(((counts[:255] - expected) ** 2 / expected).sum()) < chi2.isf(1e-6, 254)
    coarse = drawn // 51
    for apart in (1, 3, 8):
        pairs = torch.bincount((5 * coarse[:, apart:] + coarse[:, :-apart]).reshape(-1), minlength=25).double()
        assert float(((pairs - pairs.mean()) ** 2 / pairs.mean()).sum()) < chi2.isf(1e-6, 24)


@pytest.mark.parametrize("shape", [[], [1], [7], [8], [3, 5], [100, 784], [0]])
def test_bytes_have_the_shape_that_was_asked_for(shape: list[int]):
    assert bytes_below_255(shape, torch.device("cpu")).shape == torch.Size(shape)


@pytest.mark.parametrize("words", [1, 10, 100, 1000, 9800, 10**6])
def test_words_suffice(words: int):
    assert binom.sf(words // 16 + 48, words + words // 16 + 48, 1 - (255 / 256) ** 8) < 1e-20


@pytest.mark.parametrize(("grey", "share"), [(0, 0.0), (1, 1 / 255), (128, 128 / 255), (254, 254 / 255), (255, 1.0)])
def test_a_pixel_is_on_as_often_as_its_grey_level_says(grey: int, share: float):
    # Within five standard errors, a false alarm rate of 6·10⁻⁷; g/256 would be 6 of them off at 128.
    torch.manual_seed(1)
    task = VAEMnist(data="5k", latent=2, hidden=2, depth=1)
    count = 3_000_000
    on = task.prepare(torch.full((count // 784, 784), grey, dtype=torch.uint8)).double()
    assert abs(float(on.mean()) - share) <= 5 * (share * (1 - share) / on.numel()) ** 0.5
