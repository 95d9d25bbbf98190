import math
import os
import signal
import time
from dataclasses import dataclass, field

import pytest

from bench.check.plan import Plan
from bench.check.processes import can_fork, side_by_side
from bench.check.run import Settings, run_plan
from bench.check.verdicts import Line
from bench.cli.stopping import terminable
from bench.errors import BenchError

FORKS = pytest.mark.skipif(not can_fork(), reason="forks are not safe here")


@dataclass
class Slow:
    """A check that comes to a conclusion after so many seconds of work, and gives up after `patience`.

    What it was given each time is in `shares`, where it runs in this process.
    """

    subject: str
    needs: float
    patience: float = math.inf
    work: int = 1
    tests: int = 1
    shares: list[float] = field(default_factory=list)

    def run(self, level: float, tolerance: float, seconds: float, seed: int) -> Line:
        self.shares.append(seconds)
        end = time.process_time() + min(seconds, self.needs, self.patience)
        while time.process_time() < end:
            pass
        decided = seconds >= self.needs
        detectable = tolerance if decided else tolerance * math.sqrt(self.needs / seconds)
        return Line("slow", self.subject, "pass" if decided else "inconclusive", (1,), detectable)


def lines_of(*checks: Slow, budget: float, jobs: int = 1) -> dict[str, str]:
    plan = Plan({"slow": [*checks]}, [])
    return {line.subject: line.verdict for line in run_plan(plan, Settings(budget=budget, jobs=jobs))}


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=FORKS)])
def test_what_lacks_least_goes_on_first_and_all_is_told_once(jobs: int):
    dear, middle = Slow("dear", needs=100.0), Slow("middle", needs=0.1)
    quick = [Slow(f"quick {n}", needs=0.002) for n in range(8)]
    found = lines_of(dear, *quick[:4], middle, *quick[4:], budget=0.6 / jobs, jobs=jobs)
    assert [*found] == [*(f"quick {n}" for n in range(8)), "middle", "dear"]
    assert [name for name, verdict in found.items() if verdict != "pass"] == ["dear"]
    assert sum(middle.shares) + sum(dear.shares) < 1.0


def test_the_time_that_is_left_is_used_where_it_doubles_the_draws():
    dear = Slow("dear", needs=100.0)
    lines_of(dear, *(Slow(str(n), needs=0.001) for n in range(9)), budget=0.6)
    assert len(dear.shares) == 2
    assert dear.shares[1] > 0.5


def test_a_single_check_has_all_the_time_at_once():
    check = Slow("one", needs=0.2)
    assert lines_of(check, budget=0.25) == {"one": "pass"}
    assert len(check.shares) == 1


def test_what_does_not_lack_time_is_not_asked_again():
    check = Slow("one", needs=100.0, patience=0.001)
    assert lines_of(check, Slow("other", needs=0.001), budget=0.4) == {"one": "inconclusive", "other": "pass"}
    assert len(check.shares) == 1


@FORKS
def test_results_come_in_order():
    assert list(side_by_side(lambda n: (time.sleep(0.05 * (4 - n)), n)[1], range(4), 2)) == [0, 1, 2, 3]


@FORKS
def test_a_process_that_is_gone_is_said():
    with pytest.raises(BenchError, match="ended a process"):
        list(side_by_side(lambda n: os.kill(os.getpid(), signal.SIGKILL), range(2), 2))


@FORKS
def test_processes_end_by_a_signal_of_the_system_alone():
    """A handler in Python of the command's would run only once a call returns, which may be never."""
    with terminable():
        handlers = set(side_by_side(lambda n: signal.getsignal(signal.SIGTERM), range(4), 2))
    assert handlers == {signal.SIG_DFL}
