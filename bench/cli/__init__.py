"""The `bench` command: one verb per file, imported only when it is used."""

import functools
import os
import sys
import traceback
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from bench.cli.stopping import stopped, terminable
from bench.cli.streams import CLOSED_PIPE, ClosedPipe, discard_stdout, told_closed_pipes, with_quiet
from bench.cli.terminal import replace_what_is_lacking
from bench.errors import BenchError, machine_trouble
from bench.escaping import echo
from bench.names.consent import nothing_named

_SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Measure": {
        "run": ("bench.cli.run:run", "train, measure and evaluate estimators on tasks"),
        "advise": ("bench.cli.advise:advise", "which estimator should I use?"),
        "reproduce": ("bench.cli.reproduce:reproduce", "repeat a published experiment, its numbers beside ours"),
    },
    "Verify": {
        "check": ("bench.cli.check:check", "is each estimator's gradient correct?"),
        "compare": ("bench.cli.compare:compare", "has variance, bias, ELBO or cost changed between results?"),
        "reference": ("bench.cli.reference:reference", "do gradient moments agree with the committed ones?"),
    },
    "Look around": {
        "list": ("bench.cli.list:list_", "tasks and estimators; --matrix shows which fits which"),
        "info": ("bench.cli.info:info", "formula, paper, requirements and parameters of a name"),
        "env": ("bench.cli.env:env", "describe this machine"),
        "data": ("bench.cli.data:data", "list, fetch and verify datasets"),
    },
    "Make your own": {
        "new": ("bench.cli.new:new", "start a package with an estimator or a task"),
    },
    "Results": {
        "status": ("bench.cli.status:status", "what is done, running, failed or not begun"),
        "table": ("bench.cli.table:table", "results as text, CSV, Markdown or LaTeX"),
        "plot": ("bench.cli.plot:plot", "figures of results, for a paper"),
        "report": ("bench.cli.report:report", "results as one HTML file, with interactive figures"),
        "results": ("bench.cli.results:results", "look after folders: validate, merge, export, clean"),
        "samples": ("bench.cli.samples:samples", "pictures of what trained models have learned"),
    },
}
_COMMANDS: Final = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}


@functools.cache
def _command(name: str) -> click.Command:
    module, _, attribute = _COMMANDS[name][0].partition(":")
    return with_quiet(getattr(import_module(module), attribute))


class _LazyGroup(click.Group):
    """Knows its commands by name and one line each; imports one when it is invoked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS]  # `list` is a module of this package, once the command was used

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in _COMMANDS else None

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with told_closed_pipes():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with told_closed_pipes():
            return super().invoke(ctx)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from bench.errors import did_you_mean

            raise click.UsageError(
                f"there is no command '{args[0]}'{did_you_mean(args[0], _COMMANDS) or '; see bench --help'}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="varbench", prog_name="bench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors; each command takes it, too.")
def cli(debug: bool, quiet: bool) -> None:
    """How biased, how noisy, how costly and how good is a Monte Carlo gradient estimator?

    \b
    bench run --task vae-mnist --estimator reinforce
    bench run --task ppca --estimator reparam --estimator stl --no-train

    Exit codes: 0 done; 1 a negative verdict; 2 usage; 3 some cells failed; 4 data or device unavailable;
    5 results unreadable or not writable; 6 another process is running a cell, with --no-wait; 7 no cell failed, but
    some reached a limit of `bench run`; 130 interrupted; 143 terminated; 141 the reader of the output has closed it,
    as in `bench table | head -1`: no verdict.
    """  # noqa: D301 - to click, a backspace means that the lines below it stay as they are


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line (`sys.argv`, unless given) and leave with a documented exit code."""
    os.environ["MPLBACKEND"] = "agg"  # commands draw files, whatever a notebook has set; it may not even be installed
    replace_what_is_lacking()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with terminable(), nothing_named():
            code = _run(words)
        sys.stdout.flush()
    except (ClosedPipe, BrokenPipeError):
        discard_stdout()
        code = CLOSED_PIPE
    sys.exit(code)


def _run(words: list[str]) -> int:
    """Run the command line and return its exit code, having said what went wrong."""
    try:
        code = cli.main(words, prog_name="bench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except ClosedPipe:
        raise
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stop:
        message, code = stopped(stop, next((word for word in words if word in _COMMANDS), ""))
        echo(message, err=True)
        return code
    except Exception as error:
        return _explain(error, "--debug" in takewhile(lambda word: word.startswith("-"), words))


def _explain(error: Exception, debug: bool) -> int:
    """Print one sentence for an error that was foreseen; a traceback for one that was not."""
    if isinstance(error, OSError):
        error = machine_trouble(error, Path("/")) or error
    code = _exit_code(error)
    if debug or code is None:
        way_there = error.way_there() if isinstance(error, BenchError) else "".join(traceback.format_exception(error))
        echo(way_there, err=True)
    if code is None:
        echo("this is a bug in varbench: please report it with the lines above", err=True)
        return 70
    echo(f"Error: {error}", err=True)
    return code


def _exit_code(error: Exception) -> int | None:
    if isinstance(error, BenchError):
        return error.exit_code
    if type(error).__name__ == "DataUnavailable":
        return 4
    return None
