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
        "Plain: seeds, state and resuming",
        "Plain: other K, B and sizes of f",
        "Plain: bernoulli-quadratic(dim=3)",
    }
    (skip,) = found["Plain: bernoulli-quadratic(dim=3)"].marks
    assert "needs reparameterizable latents" in skip.kwargs["reason"]
    for case in found.values():
        if not case.marks:
            contract(case.values[0])


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


def test_a_suite_that_checks_nothing_fails():
    contract = estimator_contract("stl", ["gaussian-quadratic"])
    found = cases(contract)
    assert set(found) == {"stl: gaussian-quadratic", "nothing could be checked"}
    with pytest.raises(pytest.fail.Exception, match="stl estimates elbo"):
        contract(found["nothing could be checked"].values[0])


def test_what_is_inconclusive_is_a_warning_or_with_strict_a_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bench.contract._SECONDS_PER_TEST", 0.2)
    for strict in (False, True):
        contract = estimator_contract("reinforce", ["bernoulli-quadratic"], tolerance=1e-4, strict=strict)
        case = cases(contract)["reinforce: bernoulli-quadratic(dim=3)"].values[0]
        if strict:
            with pytest.raises(pytest.fail.Exception, match="inconclusive"):
                contract(case)
        else:
            with pytest.warns(UserWarning, match="reinforce on bernoulli-quadratic.*: inconclusive"):
                contract(case)
    with pytest.raises(pytest.fail.Exception, match="inconclusive"):
        check_estimator("reinforce(sampling=iid)", ["bernoulli-quadratic"], tolerance=1e-4, budget=0.2, strict=True)
