"""`--validation`: rows that are held back are judged by, and never trained on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import UsageError
from bench.evaluation.bounds import evaluate_bounds
from bench.execution.held_back import hold_back
from bench.execution.initial import initial
from bench.execution.invocation import Asked, execute
from bench.execution.plan import Request, make_plan
from bench.names.building import build_task
from bench.names.spec import parse_spec
from bench.results.schema import Record
from bench.results.store import Store
from bench.results.tensors import load_tensors
from tasks.base import Data, GlobalModel
from tasks.latent_variables.ppca import PPCA

TASK = "ppca(dim=3, latent=2, n=40)"
ROWS = Data(torch.arange(40.0)[:, None], torch.zeros(5, 1), "numbers")


def _run(folder: Path, task: str = TASK, share: float | None = 0.25, **settings: Any) -> Record:
    spec = parse_spec(task)
    request = Request(
        (spec,), (parse_spec("reparam"),), steps=5, replicates=40, checkpoints=1, validation=share, **settings
    )
    execute(request, Asked(folder, None, False, False))
    (record,) = Store(folder).records()
    return record


def _numbers(record: Record, part: str) -> dict[str, float | None]:
    assert record.final is not None
    return {name: value for name, value in vars(record.final).items() if name.startswith(part)}


def test_rows_are_parted_and_keep_their_order() -> None:
    parted = hold_back(ROWS, 0.25)
    assert parted.validation is not None
    assert (len(parted.train), len(parted.validation)) == (30, 10)
    assert sorted(torch.cat([parted.train, parted.validation]).flatten().tolist()) == list(range(40))
    for part in (parted.train, parted.validation):
        assert part.flatten().tolist() == sorted(part.flatten().tolist())
    assert torch.equal(parted.test, ROWS.test)
    again = hold_back(replace(ROWS, name="the same numbers"), 0.25).validation
    assert again is not None
    assert torch.equal(again, parted.validation)
    assert hold_back(ROWS, 0.0) is ROWS


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Change the rows of one part of a task's data, wherever they lie."""
    load = PPCA.load

    def change(part: str) -> None:
        def loaded(task: PPCA) -> Data:
            data = load(task)
            if part == "test":
                return replace(data, test=data.test + 100)
            held = hold_back(data, 0.25).validation
            assert held is not None
            is_held = (data.train[:, None] == held).all(-1).any(1)
            return replace(data, train=torch.where(is_held[:, None], data.train + 100, data.train))

        monkeypatch.setattr(PPCA, "load", loaded)

    return change


def test_what_is_held_back_changes_no_training(tmp_path: Path, changed: Callable[[str], None]) -> None:
    before = _run(tmp_path / "before")
    changed("validation")
    after = _run(tmp_path / "after")
    assert before.cell == after.cell
    assert before.gradients[0] == after.gradients[0]
    for part in ("train_", "test_", "gap"):
        assert _numbers(before, part) == _numbers(after, part)
    held = _numbers(before, "validation_elbo"), _numbers(after, "validation_elbo")
    assert (held[1]["validation_elbo"] or 0) < (held[0]["validation_elbo"] or 0) - 100
    assert _numbers(before, "validation_objective") == dict.fromkeys(_numbers(before, "validation_objective"))


def test_test_rows_change_no_value_of_what_is_held_back(tmp_path: Path, changed: Callable[[str], None]) -> None:
    before = _run(tmp_path / "before")
    changed("test")
    after = _run(tmp_path / "after")
    assert _numbers(before, "validation_") == _numbers(after, "validation_")
    assert _numbers(before, "test_elbo") != _numbers(after, "test_elbo")


def test_the_values_are_those_of_the_rows_held_back(tmp_path: Path) -> None:
    record = _run(tmp_path, evaluation_samples=7)
    cell = record.cell
    task = build_task(cell.task_spec)
    task.load_state_dict(load_tensors(Store(tmp_path).parameters_path(cell), record.parameters))
    rows = hold_back(task.load(), 0.25).validation
    assert rows is not None
    bounds = evaluate_bounds(task, rows, 7, cell.seed, "validation", lambda share: None)
    assert _numbers(record, "validation_elbo") == {
        "validation_elbo": bounds.elbo.value,
        "validation_elbo_se": bounds.elbo.se,
    }
    assert _numbers(record, "validation_log")["validation_log_likelihood"] == bounds.log_likelihood.value


def test_nothing_is_held_back_unasked(tmp_path: Path) -> None:
    record = _run(tmp_path, share=None)
    assert "validation" not in record.cell.identity()["training"]
    assert set(_numbers(record, "validation_").values()) == {None}


def test_a_share_makes_another_cell_and_no_share_does_not() -> None:
    asked = Request((parse_spec(TASK),), (parse_spec("reparam"),))
    plain, none, some = (make_plan(replace(asked, validation=share)).cells[0].id for share in (None, 0.0, 0.25))
    assert plain == none != some


def test_a_likelihood_counts_for_the_rows_that_are_left() -> None:
    asked = Request((parse_spec("logistic-regression(data=toy)"),), (parse_spec("reparam"),), validation=0.25)
    (cell,) = (plan := make_plan(asked)).cells
    (data,) = plan.data.values()
    left = hold_back(data, 0.25)
    task, _ = initial(cell, left)
    assert isinstance(task.model, GlobalModel)
    assert (task.model.rows, len(data.train)) == (len(left.train), 12)
    assert task.model.scale(task.prepare(left.train)) == 1
    assert cell.training.batch_size <= len(left.train)


def test_a_tempered_objective_is_of_the_rows_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PPCA, "beta", 2.0)
    record = _run(tmp_path)
    values = _numbers(record, "validation_objective")
    assert values["validation_objective"] is not None
    assert values["validation_objective"] != _numbers(record, "objective")["objective"]


@pytest.mark.parametrize(
    ("task", "share", "said"),
    [
        ("ppca(guide=per-datapoint)", 0.1, "has parameters for each training row"),
        (TASK, 0.001, "holds back 0 of the 40 training rows of ppca"),
        (TASK, 0.999, "holds back 40 of the 40 training rows of ppca"),
        ("lecture-weights", 0.5, "of the 1 training row of lecture-weights"),
    ],
)
def test_what_cannot_be_held_back_is_refused(task: str, share: float, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        make_plan(Request((parse_spec(task),), (parse_spec("reinforce"),), validation=share))


def test_an_expectation_has_no_rows_to_hold_back() -> None:
    asked = Request((parse_spec("gaussian-quadratic"),), (parse_spec("reparam"),))
    assert make_plan(replace(asked, validation=0.1)).cells == make_plan(asked).cells


def test_without_training_there_is_nothing_to_hold_back_from() -> None:
    with pytest.raises(UsageError, match="nothing for --validation to do"):
        make_plan(Request((parse_spec(TASK),), (parse_spec("reparam"),), steps=0, validation=0.1))
