from dataclasses import replace

import pytest
from torch import Tensor

from bench.check.variances import KNOWN, Known, VarianceCheck
from estimators.base import Estimate, Estimator, evaluate, log_mean_exp, log_mean_exp_of_others
from estimators.draw import Detached
from tasks.base import Task

_LEVEL = 1e-6
"""The probability that one right variance is called wrong, at most; a wrong one is confirmed on fresh draws."""


def known(estimator: str, samples: int) -> Known:
    return next(one for one in KNOWN if (one.estimator, one.samples) == (estimator, samples) and "toy" not in one.task)


@pytest.mark.parametrize("one", KNOWN, ids=lambda k: f"{k.estimator}, K={k.samples}, {k.task}")
def test_estimators_have_the_variances_that_are_known(one: Known):
    assert VarianceCheck(one).run(_LEVEL, 0.1, 1.0, 0).verdict == "pass"


class WithoutConstant(Estimator):
    """OVIS without its log(1 − 1/K), which changes no mean."""

    targets = ("iwae",)
    minimum_samples = 2
    formula = paper = ""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        f = run.f.detach()
        bound, share = log_mean_exp(f), f.softmax(0)
        signal = bound - share - log_mean_exp_of_others(f)
        return Estimate(bound, (signal * run.log_q + share * run.model_value).sum(0))


@pytest.mark.parametrize(
    ("estimator", "like", "samples"),
    [(f"{__name__}:WithoutConstant", "ovis", 3), ("arm", "disarm", 1), ("reinforce", "iwae-reinforce", 1)],
)
def test_another_variance_is_found(estimator: str, like: str, samples: int):
    wrong = replace(known(like, samples if like != "iwae-reinforce" else 2), estimator=estimator, samples=samples)
    line = VarianceCheck(wrong).run(_LEVEL, 0.1, 1.0, 0)
    assert line.verdict == "violated"
    assert ", not " in line.detail


def test_an_estimator_that_fails_is_reported():
    line = VarianceCheck(replace(known("disarm", 1), task="gaussian-quadratic")).run(_LEVEL, 0.1, 1.0, 0)
    assert line.verdict == "violated"
