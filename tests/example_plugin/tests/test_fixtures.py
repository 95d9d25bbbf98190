import pytest
from steadygrad.estimator import AntitheticScore, ForgottenSign
from steadygrad.task import CubicCost


def test_passes(check_estimator):
    assert {line.verdict for line in check_estimator(AntitheticScore, [CubicCost])} == {"pass"}


def test_task(check_task):
    check_task(CubicCost, ["reparam"])


def test_bug_is_found(check_estimator):
    with pytest.raises(pytest.fail.Exception, match="ForgottenSign on CubicCost: biased"):
        check_estimator(ForgottenSign, [CubicCost])


def test_nothing_to_check_is_no_success(check_estimator):
    with pytest.raises(pytest.fail.Exception, match="nothing could be checked"):
        check_estimator("stl", [CubicCost])
