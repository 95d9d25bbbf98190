"""What a record says is shown by every command, and obeyed by none that it passes."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from bench.results.store import Store
from tests.bench.cli.conftest import Outcome
from tests.bench.results.samples import RUN, cell, gradient, record
from tests.bench.test_escaping import HOSTILE, OBEYED

Bench = Callable[..., Outcome]


def test_every_command_shows_hostile_names_and_obeys_none(bench: Bench) -> None:
    store = Store("results")
    store.write_run(RUN)
    made = cell(task=HOSTILE, estimator=HOSTILE, task_parameters={"a": HOSTILE}, estimator_parameters={})
    store.write(record(made, notes=[HOSTILE], gradients=[gradient("variance", 1.0), gradient("snr", 1.0)]))
    store.write(record(cell(seed=1), status="failed", reason=HOSTILE, gradients=[], final=None))
    store.write(record(cell(task="..", seed=2)))
    assert {path.name for path in Path().iterdir()} <= {"results", "cache", "data"}
    commands = [("status",), ("status", "--format", "json"), ("compare", "results", "results")]
    for form in ("text", "csv", "json", "markdown", "latex"):
        commands += [("table", "--what", what, "--format", form) for what in ("gradients", "runs")]
    commands += [("table", "--what", "final"), ("table", "--across", "task", "--format", "latex")]
    commands += [("plot", "variance", "--data", "--out", "figure.svg")]
    for command in commands:
        outcome = bench(*command)
        assert outcome.code in (0, 3), (command, outcome.err)
        assert not OBEYED.search(outcome.out + outcome.err), command
        if "latex" in command:
            assert "\n\\input" not in outcome.out
        if command[-1] == "json":
            assert json.loads(outcome.out)
    for file in Path().glob("*.csv"):
        for row in csv.reader(io.StringIO(file.read_text(encoding="utf-8"))):
            assert not [text for text in row if text.startswith(("=", "@"))]
