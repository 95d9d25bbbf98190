"""What an estimator of somebody else's returns, and what a task lacks, is seen before anything runs."""

import pytest

from bench.errors import UsageError
from bench.execution.plan import Request, make_plan
from bench.names.spec import Spec, parse_spec

MODULE = "tests.bench.execution.returns"
MUST = "it must `return varbench.Estimate(objective, surrogate)`, two tensors [B] = [1]"


def plan(what: str, samples: int) -> int:
    """Return how many cells an estimator gets."""
    estimator = parse_spec(f"{MODULE}:Returns(what={what})")
    return len(make_plan(Request((Spec("gaussian-quadratic"),), (estimator,), samples=(samples,))).cells)


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("tuple", f"a tuple of 2; {MUST}"),
        ("nothing", f"nothing; {MUST}"),
        ("tensor", f"one tensor [1]; {MUST}"),
        ("number", f"a value of type float as its objective; {MUST}"),
        (
            "unaveraged",
            "the surrogate [3, 1] for K = 3 samples of B = 1 observations; it must be [B] = [1], the samples averaged "
            "and the batch not: `return varbench.Estimate(objective, surrogate.mean(0))`, where surrogate is [K, B]",
        ),
        (
            "scalar",
            "the objective [] for K = 3 samples of B = 1 observations; it must be [B] = [1], the samples averaged "
            "and the batch not: `return varbench.Estimate(objective.mean(0), surrogate)`, where objective is [K, B]",
        ),
        (
            "detached",
            "a surrogate without a gradient; compute it from what the guide and the model return, in PyTorch, without "
            "no_grad, detach, item or NumPy",
        ),
        (
            "auxiliary",
            "the auxiliary [1]; it must be None, or a scalar tensor, the loss of the estimator's own parameters",
        ),
    ],
)
def test_what_must_be_returned_is_said(what: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan(what, 3)
    assert str(refused.value) == f"`estimate` of estimator '{MODULE}:Returns(what={what})' returned {sentence}"


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_what_is_right_is_planned(samples: int) -> None:
    assert plan("right", samples) == 1


def test_what_raises_is_left_to_its_cell_which_records_it() -> None:
    assert plan("error", 1) == 1
