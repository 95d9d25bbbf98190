"""What SIGTERM does to a command, and to what it has forked."""

import os
import signal
import threading
import time

import click
import pytest

from bench.cli.stopping import INTERRUPTED, TERMINATED, Terminated, stopped, terminable


def test_it_ends_the_block_and_leaves_the_handler_of_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_forked_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    ready, told = os.pipe()
    with terminable():
        child = os.fork()
        if child == 0:
            # Python forgets signals that arrive while it forks, and hears one before a wait without end after it.
            os.write(told, b".")
            for _ in range(600):
                time.sleep(0.05)
            os._exit(0)
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
    os.close(ready)
    os.close(told)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert capfd.readouterr().err == ""


def test_another_thread_has_no_handler_of_its_own() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


def test_only_a_command_that_continues_says_so() -> None:
    message, code = stopped(KeyboardInterrupt(), "run")
    assert (message[:11], code) == ("interrupted", INTERRUPTED)
    assert "continues from the last checkpoint" in message
    aborted = click.Abort()
    aborted.__cause__ = Terminated()
    assert stopped(aborted, "table") == ("terminated", TERMINATED)
