import io

from rich.console import Console

from bench.execution.progress import TerminalListener, shares


class Sums(TerminalListener):  # pyright: ignore[reportGeneralTypeIssues]
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.output = io.StringIO()
        super().__init__(Console(file=self.output), {"known"})
        self.told: list[tuple[str, float, float]] = []

    def phase(self, name: str, done: float, total: float, note: str = "") -> None:
        self.told.append((name, done, total))


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
