"""What is too large for this machine is said in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.errors import UsageError

_TOO_LARGE: Final = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")
"""What torch says on a CPU, where it has no error of its own for that."""


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Raise UsageError, about `what`, where the block asks for more memory than there is."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _TOO_LARGE):
            raise UsageError(f"{what} needs more memory than there is; choose smaller sizes") from error
        raise
