"""`--format json`: one option, and one way of writing, of every command that tells something."""

import json
import shlex

import click
import pytest

from bench.cli import cli
from bench.results.store import Store
from tests.bench.cli.conftest import Bench
from tests.bench.cli.test_streams import CELL, REFERENCE
from tests.bench.results.samples import record

COMMANDS = {
    "check enumerate --task bernoulli-quadratic --jobs 1 --tolerance 0.9": "lines",
    "compare results results": "comparisons",
    f"reference --estimator enumerate --folder {REFERENCE}": "changed",
    "list": "tasks",
    "info reinforce": "parameters",
    "env": "torch",
    "data list": "datasets",
    "data verify": "files",
    "results validate": "wrong",
    "results merge results --into all": "outcomes",
    "results clean --dry-run": "left_over",
    "status": "cells",
}


@pytest.mark.parametrize("line", COMMANDS)
def test_stdout_is_one_document_that_every_reader_of_json_takes(bench: Bench, line: str) -> None:
    Store("results").write(record(CELL))

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    outcome = bench(*shlex.split(line), "--format", "json")
    assert outcome.code == 0, outcome.err
    content = json.loads(outcome.out, parse_constant=refuse)
    assert COMMANDS[line] in content
    assert outcome.out.startswith('{\n "')


def test_the_former_way_of_env_is_kept(bench: Bench) -> None:
    assert bench("env", "--json").out == bench("env", "--format", "json").out


def test_no_command_has_another_way() -> None:
    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in cli.list_commands(context)]
    options = [one for command in commands if command for one in command.params if isinstance(one, click.Option)]
    assert not [one for one in options if "--json" in one.opts and not one.hidden]
