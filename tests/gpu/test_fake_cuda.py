"""One task of each family on fake CUDA tensors: what a GPU would refuse, wait for, or could not hold in a graph."""

import json
from typing import Any, Final

import pytest

from tests.gpu import driver

PAIRS: Final = {
    "gaussian-quadratic": ("reinforce-ema", "reparam"),
    "logistic-normal(n=8)": ("linear-cv",),
    "gaussian-mixture(components=3,hidden=3,n=8)": ("rebar", "nvil"),
    "logistic-regression(data=toy)": ("reinforce-ema",),
    "sbn-mnist(data=5k,latent=3)": ("disarm", "rebar", "nvil"),
}
"""Nested gradients, one-hot variables and learned baselines are among them."""
FAULTY: Final = "tests.gpu.faulty:Faulty"

pytestmark = pytest.mark.skipif(driver.COMPILER is None, reason="there is no g++ to build a stand-in of a driver with")


@pytest.fixture(scope="module")
def all_found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of all pairs that fit."""
    asked = json.dumps({**PAIRS, "gaussian-quadratic": (*PAIRS["gaussian-quadratic"], FAULTY)})
    return [json.loads(line) for line in driver.printed("fake", tmp_path_factory.mktemp("driver"), asked).splitlines()]


@pytest.fixture
def found(all_found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What came of our own."""
    return [one for one in all_found if one["estimator"] != FAULTY]


def pairs(found: list[dict[str, Any]], what: str) -> dict[str, Any]:
    return {f"{one['task']} × {one['estimator']}": one[what] for one in found if one[what]}


def test_every_task_has_estimators_that_run(found: list[dict[str, Any]]) -> None:
    assert [(one["task"], one["estimator"]) for one in found] == [(t, e) for t, by in PAIRS.items() for e in by]
    assert pairs(found, "errors") == {}


def test_nothing_in_a_plain_step_waits_for_the_device(found: list[dict[str, Any]]) -> None:
    assert pairs(found, "waits") == {}


def test_programs_hold_no_wait_and_no_copy_that_is_not_a_constant(found: list[dict[str, Any]]) -> None:
    assert pairs(found, "captured") == {}


def test_gradients_of_programs_lie_in_memory_as_their_parameters(found: list[dict[str, Any]]) -> None:
    assert pairs(found, "strides") == {}


def test_no_operation_is_one_that_fails_on_a_gpu(found: list[dict[str, Any]]) -> None:
    used = {name for one in found for name in one["operations"]}
    assert {"softplus", "mm", "uniform_"} <= used
    assert used & {"log_sigmoid_forward", "log_sigmoid_backward", "bernoulli"} == set()


def test_faults_are_found(all_found: list[dict[str, Any]]) -> None:
    one = next(one for one in all_found if one["estimator"] == FAULTY)
    assert "cuda" in one["errors"]["vmap"]
    assert any(wait.startswith("item") for wait in one["waits"])
