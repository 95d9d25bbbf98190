"""What `bench list --matrix` shows is what `bench run` does."""

from bench.cli.list import _fitting
from bench.errors import UsageError
from bench.execution.plan import Request, make_plan
from bench.names.registry import ESTIMATORS
from bench.names.spec import Spec


def test_a_fit_in_the_matrix_is_a_plan_by_default() -> None:
    names = ("reparam", "reinforce", "iwae", "miwae", "enumerate")
    shown = _fitting("logistic-regression", {name: ESTIMATORS.build(Spec(name)) for name in names})
    planned = []
    for name in names:
        try:
            planned.append(bool(make_plan(Request((Spec("logistic-regression"),), (Spec(name),))).cells))
        except UsageError:
            planned.append(False)
    assert list(shown.values()) == planned == [True, True, False, False, False]
