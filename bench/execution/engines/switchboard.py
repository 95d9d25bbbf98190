"""Where this machine's workers report to their parent."""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from types import TracebackType
from typing import Self, final

from bench.execution.relay import Event


@final
class Switchboard:
    """Takes the connections of workers and passes on what they report, including that a worker is gone.

    Each has a connection of its own, so that one that is killed in the middle of a word disturbs no other.

    Args:
        hear: takes a worker's process id and an event.
        rest: takes the id of one that has gone.

    Attributes:
        address: where it listens.
        key: what a worker must know.
    """

    def __init__(self, hear: Callable[[int, Event], None], rest: Callable[[int], None]) -> None:
        self._hear, self._rest = hear, rest
        self.key = secrets.token_bytes(32)
        self._listener = Listener(authkey=self.key)
        self.address = self._listener.address
        self._slots: set[int] = set()
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                if self._is_closed:
                    return
                continue  # a worker that was killed before it had said who it is
            with self._lock:
                if self._is_closed:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(target=self._listen, args=[connection], daemon=True).start()

    def _listen(self, connection: Connection) -> None:
        slot, who = self._take_slot(), 0
        try:
            connection.send(slot)
            who = connection.recv()
            while True:
                self._hear(who, connection.recv())
        except (EOFError, OSError):
            pass
        finally:
            with self._lock:
                self._slots.discard(slot)
                self._connections.discard(connection)
            connection.close()
            self._rest(who)

    def _take_slot(self) -> int:
        """Return the least number that no worker has."""
        with self._lock:
            slot = next(number for number in range(len(self._slots) + 1) if number not in self._slots)
            self._slots.add(slot)
            return slot

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True
        # `accept` waits until somebody comes.
        with suppress(OSError, EOFError, AuthenticationError):
            Client(self.address, authkey=self.key).close()
        self._thread.join(timeout=1.0)
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.close()
