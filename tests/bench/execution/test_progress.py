"""What a terminal, and a log, are told of a cell that is on its way."""

import io

from bench.execution.console import Console
from bench.execution.progress import PHASES, Said, TerminalListener, shares


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Sums(TerminalListener):  # pyright: ignore[reportGeneralTypeIssues]
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.output = io.StringIO()
        said = Said()
        said.warnings.add("known")
        super().__init__(Console(file=self.output), said)
        self.told: list[tuple[str, float, float]] = []

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        self.told.append((name, done, total))


def in_a_log(said: Said | None = None) -> tuple[TerminalListener, Clock, io.StringIO]:
    clock, output = Clock(), io.StringIO()
    return TerminalListener(Console(file=output, width=200), said or Said(), clock), clock, output


def long_phases_told() -> Said:
    said = Said()
    said.long.update(PHASES)
    return said


def test_cells_that_run_at_once_are_shown_as_their_sum_and_warn_once() -> None:
    whole = Sums()
    first, second = shares(whole, 2)
    first.phase("train", 5, 10)
    second.phase("train", 10, 10)
    second.phase("measure", 1, 4)
    assert whole.told == [("train", 5, 20), ("train", 15, 20), ("measure", 1, 8)]
    for one in (first, second):
        one.warn("careful")
        one.warn("known")
    assert whole.output.getvalue() == "warning: careful\n"


def test_a_log_has_a_line_a_minute() -> None:
    listener, clock, output = in_a_log(long_phases_told())
    for second in range(601):
        clock.now = float(second)
        listener.phase("trajectory", 100.0 * second, 60_000)
    lines = output.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "  trajectory 6000/60000 steps, 100 steps/s, about 9 min left"
    assert lines[-1] == "  trajectory 60000/60000 steps, 100 steps/s"


def test_a_phase_s_pace_is_without_the_time_that_others_take_in_between() -> None:
    listener, clock, output = in_a_log(long_phases_told())
    for second in range(200):
        clock.now = float(second)
        if second < 10 or second >= 100:
            listener.phase("train", 10.0 * (second if second < 10 else second - 90), 2000)
        else:
            listener.phase("measure", (second - 10) / 90, 2)
    assert output.getvalue().splitlines()[-1].startswith("  train 900/2000 steps, 10 steps/s")


def test_what_is_over_soon_says_nothing() -> None:
    listener, clock, output = in_a_log()
    for second in range(30):
        clock.now = float(second)
        listener.phase("measure", second / 30, 1)
    assert output.getvalue() == ""


def test_a_long_phase_is_announced_once_in_an_invocation_with_the_option_that_shortens_it() -> None:
    said, heard = Said(), []
    for _ in range(2):
        listener, clock, output = in_a_log(said)
        for second in range(10):
            clock.now = float(second)
            listener.phase("measure", second / 50, 2)
        heard.append(output.getvalue())
    shorter = "`--replicates N` and `--checkpoints N` say how many"
    assert heard == [f"  measure will take about 1 min 35 s: {shorter}\n", ""]


def test_a_terminal_has_bars_and_no_lines() -> None:
    output = io.StringIO()
    listener = TerminalListener(Console(file=output, force_terminal=True, width=80, color_system=None), Said())
    with listener:
        listener.phase("train", 1, 2)
    assert "train" in output.getvalue()
    assert "left" not in output.getvalue()
