"""What is said of cells that run in several processes at once."""

import io
from pathlib import Path

from bench.execution.board import Board
from bench.execution.console import Console
from bench.execution.relay import About, Begin, End, Event, Found, Phase, Relay, Warn
from bench.execution.tally import Tally
from tests.bench.results.samples import cell

CELLS = [
    cell(task="gaussian-quadratic", task_parameters={}, estimator="reinforce", estimator_parameters={}, seed=seed)
    for seed in range(4)
]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def board(told: io.StringIO, clock: Clock, terminal: bool = False) -> Board:
    console = Console(file=told, width=80, force_terminal=terminal, color_system=None)
    return Board(console, CELLS, Tally(CELLS, dict.fromkeys((one.id for one in CELLS), True), 2), {}, 4, clock)


def test_a_log_has_a_line_per_cell_and_one_a_minute_about_what_runs() -> None:
    told, clock = io.StringIO(), Clock()
    with board(told, clock) as shown:
        shown.hear(7, Begin((CELLS[0].id,)))
        shown.hear(8, Begin((CELLS[1].id,)))
        shown.hear(7, Phase("train", 3, 100))
        shown.hear(7, End((CELLS[0].id,), 6.0))
        assert told.getvalue().splitlines() == [
            "[1/4] gaussian-quadratic · reinforce · K=1 · seed 0 · took 6.0 s; 3 of 4 cells to go, about 9.0 s"
        ]
        shown.rest(7)
        shown.count(1)
        clock.now = 61.0
        shown.hear(8, Phase("measure", 1, 3))
        assert told.getvalue().splitlines()[1:] == [
            "  1 of 4 cells are done; running:",
            "    gaussian-quadratic · reinforce · K=1 · seed 1, measure 1/3 checkpoints",
        ]


def test_what_several_processes_warn_of_is_said_once() -> None:
    told = io.StringIO()
    with board(told, Clock()) as shown:
        for who in (1, 2):
            shown.hear(who, Warn("few replicates"))
        shown.hear(1, About((CELLS[2].id,), " failed: no luck", "yellow"))
        shown.hear(1, Found(CELLS[2].id))
        shown.hear(1, End((CELLS[0].id, CELLS[1].id, CELLS[3].id), 1.0))
    assert told.getvalue().splitlines() == [
        "warning: few replicates",
        "gaussian-quadratic · reinforce · K=1 · seed 2 failed: no luck",
        "[1–3/4] gaussian-quadratic · reinforce · K=1 · 3 seeds in one step · took 1.0 s",
    ]


def test_a_terminal_shows_what_runs_within_its_width() -> None:
    told = io.StringIO()
    with board(told, Clock(), terminal=True) as shown:
        shown.hear(7, Begin((CELLS[0].id,)))
        shown.hear(7, Phase("train", 50, 100))
        shown.count(1)
    lines = told.getvalue().splitlines()
    assert any("seed 0" in line and "train 50/100 steps" in line for line in lines)
    assert any("cells" in line and "1/4" in line for line in lines)


def test_phases_are_told_now_and_then(tmp_path: Path) -> None:
    events: list[Event] = []
    with Relay(events.append).listening() as listener:
        for step in range(1000):
            listener.phase("train", step, 1000)
        listener.phase("measure", 0, 3)
    assert events[0] == Phase("train", 0, 1000)
    assert events[-1] == Phase("measure", 0, 3)
    assert len(events) < 100
