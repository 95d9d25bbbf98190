"""What has come of trials: counted, and printed as it is found."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final, final

_FINDINGS: Final = ("failed commands", "losses", "damages", "leftovers", "differing tables")
_EVERY: Final = 10.0
"""Seconds between lines of progress."""


@final
class Tally:
    """Counts trials, what was done to them, and what should not have come of it.

    Attributes:
        trials: how many were made.
        done: what was done or met, by kind.
        found: what should not be, by kind.
    """

    def __init__(self) -> None:
        self.trials, self.done, self.found = 0, Counter[str](), Counter[str]()
        self._said = time.monotonic()

    def __str__(self) -> str:
        done = ", ".join(f"{count} {kind}" for kind, count in sorted(self.done.items()))
        found = ", ".join(f"{self.found[kind]} {kind}" for kind in _FINDINGS)
        return f"{self.trials} trials ({done}); found: {found}"

    def note(self, kind: str, sentences: Iterable[str]) -> None:
        """Count and print what should not be."""
        assert kind in _FINDINGS
        for sentence in sentences:
            self.found[kind] += 1
            print(f"{kind}: {sentence}", flush=True)

    def end(self, trial: object, before: int, again: str) -> None:
        """End a trial: say what it was if anything was found in it, and how far trials are now and then.

        Args:
            trial: in words.
            before: how much had been found before it.
            again: the command that repeats it.
        """
        self.trials += 1
        if self.found.total() > before:
            print(f"in {trial}; again: {again}", flush=True)
        if time.monotonic() - self._said > _EVERY:
            print(f"… {self}", flush=True)
            self._said = time.monotonic()
