"""What every command's `--help` has in common."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bench.cli import cli


def _commands(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, *words, name)
        else:
            yield (*words, name)


@pytest.mark.parametrize("words", list(_commands(cli)), ids=" ".join)
def test_the_examples_keep_their_lines(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"], catch_exceptions=False)
    assert "\\b" not in result.stdout
    assert all(line.count(" bench ") <= 1 for line in result.stdout.splitlines())


@pytest.mark.parametrize("words", list(_commands(cli)), ids=" ".join)
def test_it_fits_a_terminal_of_80_columns(words: tuple[str, ...]) -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(cli, [*words, "--help"], catch_exceptions=False)
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []
