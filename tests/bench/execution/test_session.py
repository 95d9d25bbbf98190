"""How the cells of one invocation are run, and what is said of that."""

import io
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from bench.execution import session
from bench.execution.console import Console
from bench.execution.plan import Plan
from bench.execution.session import Asked, Session
from bench.names.registry import TASKS
from bench.results.schema import Record
from bench.results.store import Store
from bench.settings import Cell, Training
from bench.training.trace import NotBatchable
from tests.bench.results.samples import cell, record


@pytest.mark.parametrize(("steps", "said"), [(0, False), (10, True)])
def test_on_a_gpu_only_what_is_trained_is_said_to_be_trained_without_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, said: bool
) -> None:
    def no_graph(*_: Any) -> NoReturn:
        raise NotBatchable("it draws a random number of samples")

    def alone(one: Cell, *_: Any) -> Record:
        return record(one)

    monkeypatch.setattr(session, "run_together", no_graph)
    monkeypatch.setattr(session, "run_alone", alone)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    training = Training(steps, 1, "adam", 1e-2, 1e-2, "constant")
    one = cell(task="gaussian-quadratic", task_parameters={}, device="cuda", training=training)
    data = {str(one.task_spec): TASKS.build(one.task_spec).load()}
    told = io.StringIO()
    running = Session(
        Plan([one], data, []),
        Store(tmp_path),
        Asked(tmp_path, None, dry_run=False, plot=False),
        Console(file=told, width=200),
    )
    assert [found.cell for found in running.run_or_recall([one])] == [one]
    assert ("without a CUDA graph, since it draws a random number of samples" in told.getvalue()) is said
