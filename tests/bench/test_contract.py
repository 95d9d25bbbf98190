from typing import Any

import pytest

from bench.contract import check_estimator, check_task, estimator_contract, task_contract
from tests.bench.check.samples import RefusesBadly
from tests.museum.protocol import Plain
from tests.museum.score_function import WrongSign
from tests.museum.two_bits import ScaledTwice, TwoBits


def cases(contract: Any) -> dict[str, Any]:
    """Return the parameters of a contract's cases by their ids."""
    (mark,) = contract.pytestmark
    return {case.id: case for case in mark.args[1]}


def test_a_case_for_each_task_and_one_for_what_is_declared():
    contract = estimator_contract(Plain, ["gaussian-quadratic", "bernoulli-quadratic"])
    found = cases(contract)
    assert set(found) == {
        "Plain: gaussian-quadratic",
        "Plain: declared properties",
        "Plain: bernoulli-quadratic(dim=3)",
    }
    (skip,) = found["Plain: bernoulli-quadratic(dim=3)"].marks
    assert "needs reparameterizable latents" in skip.kwargs["reason"]
    for name in ("Plain: gaussian-quadratic", "Plain: declared properties"):
        contract(found[name].values[0])


def test_a_bug_fails_its_case():
    contract = estimator_contract(WrongSign, ["gaussian-quadratic"])
    with pytest.raises(pytest.fail.Exception, match="WrongSign on gaussian-quadratic: biased"):
        contract(cases(contract)["WrongSign: gaussian-quadratic"].values[0])


def test_a_bad_refusal_fails_its_case():
    contract = estimator_contract(RefusesBadly, ["gaussian-quadratic"])
    with pytest.raises(pytest.fail.Exception, match="must raise Unfit"):
        contract(cases(contract)["RefusesBadly: gaussian-quadratic"].values[0])


def test_a_wrong_task_fails_with_trusted_estimators():
    contract = task_contract(ScaledTwice, ["enumerate"])
    with pytest.raises(pytest.fail.Exception, match="enumerate on ScaledTwice: task at fault"):
        contract(cases(contract)["enumerate: ScaledTwice"].values[0])


def test_functions_behind_the_fixtures():
    assert {line.verdict for line in check_estimator(Plain(), ["gaussian-quadratic"])} == {"pass"}
    assert {line.verdict for line in check_task(TwoBits, ["enumerate"])} == {"pass"}
    with pytest.raises(pytest.fail.Exception, match="biased"):
        check_estimator(WrongSign, ["gaussian-quadratic"])
    with pytest.raises(pytest.fail.Exception, match="nothing could be checked"):
        check_estimator("stl", ["gaussian-quadratic"])
