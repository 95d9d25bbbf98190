"""Commands in forked children of a process that has imported everything: a few hundredths of a second each to start."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow

from tests.forks import measure_quickly, write_to

Command = tuple[str, ...]


class Outcome(NamedTuple):
    """How a command ended; `code` is None where its process ended without a word, and −n where signal n ended it."""

    command: Command
    code: int | None
    out: str
    err: str


def imported() -> None:
    """Import what the commands import, so that their processes need not."""
    # What `vmap` and the tables import when they are used is most of the time that a child would need.

    import bench.cli.compare
    import bench.cli.plot
    import bench.cli.reference
    import bench.cli.results
    import bench.cli.run
    import bench.cli.samples
    import bench.cli.status
    import bench.cli.table
    import bench.compare.report
    import bench.compare.sources
    import bench.compare.trainings
    import bench.compare.verdicts
    import bench.execution.invocation
    import bench.figures.write
    import bench.pictures.trained
    import bench.pictures.write
    import bench.regression.check
    import bench.results.summary
    import bench.results.validate  # noqa: F401 - for what importing it does


def forked(
    root: Path,
    commands: Sequence[Command],
    before: Callable[[], object] | None = None,
    after: Callable[[], object] | None = None,
    seconds: int = 120,
) -> list[Outcome]:
    """Run commands one after the other in one child, in the folder `root`, with the cache in it.

    Args:
        root: the working folder.
        commands: words after `bench`.
        before: called in the child before the first.
        after: called in the child behind the last.
        seconds: after which the child is taken to hang; it ends with SIGALRM then.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        child = os.fork()
        if child == 0:
            _run_all(root, commands, before, after, folder, seconds)
        _, status = os.waitpid(child, 0)
        found = [_read(folder, place, command) for place, command in enumerate(commands)]
    done = [one for one in found if one.code is not None]
    if len(done) < len(commands):
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        done.append(found[len(done)]._replace(code=code))
    return done


def warmed(root: Path, commands: Sequence[Command]) -> None:
    """Run commands in this process, that its children need not do what is done once in a process.

    Raises:
        RuntimeError: there is more than one thread now, of which a child would have one alone.
    """
    from bench.cli import main

    pyarrow.set_cpu_count(1)
    before, cache = Path.cwd(), os.environ.get("BENCH_CACHE")
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            for command in commands:
                with suppress(SystemExit):
                    _within(root, lambda command=command: main([*command]))
        finally:
            os.chdir(before)
            os.environ.pop("BENCH_CACHE")
            if cache is not None:
                os.environ["BENCH_CACHE"] = cache
    # Arrow's memory has a thread that looks after it, and is made for forks.
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    if len(threads := [name for name in names if name != "jemalloc_bg_thd"]) > 1:
        raise RuntimeError(f"threads: {threads}")


def call(root: Path, work: Callable[[], Any], seconds: int = 500) -> Any:
    """Return what a function returns in a child, as JSON has it; raise where the child dies."""
    with TemporaryDirectory() as temporary:
        file = Path(temporary) / "answer.json"
        child = os.fork()
        if child == 0:
            _alone(lambda: file.write_text(json.dumps(_within(root, work))), seconds)
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"a child ended with status {status}")
        return json.loads(file.read_text())


def _alone(work: Callable[[], object], seconds: int) -> None:
    """Do something and end this process, whatever happens, so that it never returns into its parent's code."""
    code = 71
    try:
        signal.alarm(seconds)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _within(root: Path, work: Callable[[], Any]) -> Any:
    os.chdir(root)
    os.environ["BENCH_CACHE"] = "cache"
    measure_quickly()
    return work()


def _run_all(
    root: Path,
    commands: Sequence[Command],
    before: Callable[[], object] | None,
    after: Callable[[], object] | None,
    folder: Path,
    seconds: int,
) -> None:
    def work() -> None:
        if before is not None:
            before()
        for place, command in enumerate(commands):
            _run(folder / str(place), command)
        if after is not None:
            after()

    _alone(lambda: _within(root, work), seconds)


def _run(files: Path, command: Command) -> None:
    from bench.cli import main

    for stream, number, suffix in ((sys.stdout, 1, ".out"), (sys.stderr, 2, ".err")):
        stream.flush()
        write_to(files.with_suffix(suffix), number)
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - open while the process is
    sys.stderr = open(2, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - open while the process is
    sys.argv = ["bench", *command]
    code: Any = None
    try:
        main(list(command))
    except SystemExit as left:
        code = left.code
    sys.stdout.flush()
    sys.stderr.flush()
    files.with_suffix(".code").write_text(str(code))


def _read(folder: Path, place: int, command: Command) -> Outcome:
    def text(suffix: str) -> str:
        path = (folder / str(place)).with_suffix(suffix)
        return path.read_bytes().decode(errors="replace") if path.exists() else ""

    code = text(".code")
    return Outcome(command, int(code) if code else None, text(".out"), text(".err"))
