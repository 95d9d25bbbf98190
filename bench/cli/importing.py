"""Imports that take long, of thousands of modules."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import in the body with the garbage collector at rest: of modules nothing is garbage.

    It would look through all that is there every time that some more has come, which takes a tenth of the time.
    """
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()
