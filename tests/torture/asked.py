"""What is common to the engines' command lines: which trials, of which commands, where, and how one is repeated."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from tests.torture.commands import COMMANDS, Reference, referred
from tests.torture.forked import prepare


def parser_of(engine: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that every engine has."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.torture.{engine}", description=description)
    parser.add_argument("--seed", type=int, default=0, help="what trials are drawn from")
    parser.add_argument("--trial", type=int, help="make this trial alone")
    parser.add_argument("--command", action="append", choices=COMMANDS, help="this command only; repeatable")
    parser.add_argument("--work", type=Path, help="folder to work in  [default: a temporary one]")
    return parser


def repeated(parser: argparse.ArgumentParser, asked: argparse.Namespace, *more: str) -> str:
    """Return the command that draws the same trials; `more` are options of the engine's own."""
    commands = [word for name in dict.fromkeys(asked.command or ()) for word in ("--command", name)]
    return f"{parser.prog} --seed {asked.seed} {shlex.join([*commands, *more])}".rstrip()


def references_of(
    commands: Sequence[str] | None, work: Path, jobs: int = 1, executor: str = "local"
) -> list[Reference]:
    """Run each command undisturbed, or all, in processes with everything imported; return what comes of each.

    Args:
        commands: which.
        work: folder to work in.
        jobs: processes that each runs its cells in.
        executor: whose these are.
    """
    names = list(dict.fromkeys(commands or COMMANDS))
    prepare(work / "cache", [each for name in names for each in COMMANDS[name].imports])
    return [referred(COMMANDS[name].in_processes(jobs, executor), work) for name in names]
