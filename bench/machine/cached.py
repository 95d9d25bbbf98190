"""Where what was measured or found out once is kept for later commands of this machine."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder: `BENCH_CACHE`, or the system's cache folder for varbench."""
    if named := os.environ.get("BENCH_CACHE"):
        return Path(named)
    # Imported where it is needed: it takes longer than what is read there.
    import pooch

    return Path(pooch.os_cache("varbench"))
