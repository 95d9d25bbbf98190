"""No task is built with nothing in it: sizes, counts and scales that make no sense are refused by name."""

import pytest

from bench.errors import UsageError
from bench.names.registry import TASKS
from bench.names.spec import parse_spec

REFUSED = [
    *[f"{name}(dim={dim})" for name in (
        "gaussian-quadratic", "gaussian-exponential", "gaussian-cosine", "bernoulli-quadratic", "categorical-toy",
        "linear-gaussian", "gamma-poisson", "ppca",
    ) for dim in (0, -2)],
    *[f"{name}(n={n})" for name in (
        "linear-gaussian", "ppca", "gamma-poisson", "dirichlet-multinomial", "logistic-normal",
        "polynomial-regression", "gaussian-mixture", "hmm", "lda",
    ) for n in (0, -1)],
    *[f"{name}(scale={scale})" for name in (
        "gaussian-quadratic", "gaussian-exponential", "gaussian-cosine", "lecture-weights",
    ) for scale in (0, -1)],
    *[f"{name}(trials=0)" for name in ("dirichlet-multinomial", "logistic-normal")],
    *[f"{name}(classes=1)" for name in ("dirichlet-multinomial", "logistic-normal", "categorical-toy")],
    *[f"{name}(latent=0)" for name in (
        "ppca", "vae-mnist", "vae-fashion", "vae-omniglot", "vae-faces", "vae-gamma", "vae-dirichlet", "sbn-tiny",
        "sbn-mnist", "sbn-fashion", "sbn-omniglot", "mixture-vae", "mixture-vae-mnist", "mixture-vae-fashion",
        "mixture-vae-omniglot",
    )],
    *[f"{name}(variables=0)" for name in ("vae-categorical", "vae-categorical-fashion", "vae-categorical-omniglot")],
    "linear-gaussian(perturbation=-0.1)", "polynomial-regression(degree=-1)", "gamma-weights(a=0)",
    "gaussian-mixture-20(hidden=0)", "vae-mnist(beta=0)", "vae-gamma(concentration=0)",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_sizes_that_make_no_sense_are_refused(text: str):
    spec = parse_spec(text)
    with pytest.raises(UsageError, match=r"must be|at least") as refused:
        TASKS.build(spec)
    assert str(refused.value).startswith(f"{spec}: ")


@pytest.mark.parametrize(
    "text",
    [
        "gaussian-quadratic(dim=1)",
        "linear-gaussian(dim=1, n=1, perturbation=0)",
        "ppca(dim=1, latent=1, n=1)",
        "polynomial-regression(degree=0, n=1)",
        "gamma-poisson(dim=1, n=1)",
        "dirichlet-multinomial(trials=1, n=1)",
    ],
)
def test_the_smallest_sizes_have_data(text: str):
    assert len(TASKS.build(parse_spec(text)).load().train) == 1
