"""How many files a process may have open."""

from contextlib import suppress
from typing import Final

_WITHOUT_LIMIT: Final = 1 << 20


def open_files() -> int:
    """Let this process have as many files open as the system lets it raise its limit to, and return how many."""
    try:
        import resource
    except ImportError:
        # On Windows, a limit of C's own streams alone.
        return _WITHOUT_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _WITHOUT_LIMIT if hard == resource.RLIM_INFINITY else min(hard, _WITHOUT_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS refuses what is above a limit of its own.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _WITHOUT_LIMIT if soft == resource.RLIM_INFINITY else soft
