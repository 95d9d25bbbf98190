"""What `bench run` says comes next: commands that work as they stand."""

from pathlib import Path
from typing import Any

import pytest

from bench.execution.advice import after_run
from bench.execution.plan import Request, make_plan
from bench.names.spec import Spec, parse_spec
from bench.results.schema import Record
from tests.bench.results.samples import limited, record


def _ran(task: str, *estimators: str, **request: Any) -> tuple[list[Request], list[Record]]:
    asked = Request((parse_spec(task),), tuple(map(Spec, estimators)), **request)
    return [asked], [record(one) for one in make_plan(asked).cells]


@pytest.mark.parametrize(
    ("task", "estimator", "request_", "rival"),
    [
        ("gaussian-quadratic", "reinforce", {}, "reparam"),
        ("bernoulli-quadratic", "reinforce", {}, "reinforce-loo"),
        ("sbn-tiny", "reinforce", {}, "reinforce-loo"),
        ("bernoulli-quadratic", "enumerate", {"samples": (1,)}, "reinforce"),
        ("bernoulli-quadratic", "reinforce", {"samples": (1, 2)}, None),
    ],
)
def test_whom_it_names_fits(task: str, estimator: str, request_: dict[str, Any], rival: str | None) -> None:
    advice = after_run(*_ran(task, estimator, **request_), Path("results"))
    assert advice.partition("`bench plot")[0] == (f"add `--estimator {rival}`, " if rival else "")


def test_several_estimators_need_no_other() -> None:
    advice = after_run(*_ran("gaussian-quadratic", "reinforce", "reparam"), Path("results"))
    assert advice == "`bench plot variance` or `bench table`"


def test_a_failed_cell_is_not_drawn() -> None:
    asked, [first, second] = _ran("gaussian-quadratic", "reinforce", "reparam")
    failed = record(first.cell, status="failed", reason="out of luck")
    assert after_run(asked, [failed], Path("results")) == "`bench status` for what went wrong"
    assert f"`bench plot training results/{second.cell.folder}`" in after_run(asked, [failed, second], Path("results"))


def test_a_limited_cell_is_drawn_if_anything_was_measured() -> None:
    asked, [one] = _ran("gaussian-quadratic", "reinforce")
    assert "`bench plot training " in after_run(asked, [limited(one.cell)], Path("results"))
    assert "`bench status`" in after_run(asked, [limited(one.cell, gradients=[])], Path("results"))


def test_folders_are_quoted() -> None:
    asked, [one] = _ran("gaussian-quadratic", "reinforce")
    advice = after_run(asked, [one], Path("my results"))
    assert f"`bench plot training 'my results/{one.cell.folder}'` or `bench table 'my results'`" in advice
    failed = record(one.cell, status="failed")
    assert "`bench status --out 'my results'`" in after_run(asked, [failed], Path("my results"))
