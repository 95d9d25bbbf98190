"""How long a check may take, in seconds of its own work, which do not depend on the load of the machine."""

import time
from typing import Final, final

_PATIENCE: Final = 3.0
"""A clock is over, too, when this many times its seconds have passed on the wall, and `_GRACE` more: a check may wait
for a busy machine, or sleep."""

_GRACE: Final = 1.0


@final
class Clock:
    """Runs from when it is made, in seconds of this process's own work.

    Attributes:
        seconds: of work, after which it is over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._work, self._wall = time.process_time(), time.perf_counter()
        self._waited = False

    def left(self) -> float:
        """Return the seconds of work that are left, zero or more; none if it has waited too long for them."""
        worked = time.process_time() - self._work
        waited = time.perf_counter() - self._wall
        self._waited = self._waited or (worked < self.seconds and waited > _PATIENCE * self.seconds + _GRACE)
        return 0.0 if self._waited else max(0.0, self.seconds - worked)

    def over(self) -> bool:
        """Return whether no time is left."""
        return self.left() == 0.0

    @property
    def waited(self) -> bool:
        """Whether it was over before its work was done, for the machine was busy with other things."""
        return self._waited
