"""The command line: `bench`, or `python -m varbench`."""

import atexit
import gc
import os
import sys
from typing import NoReturn

from varbench.ours import Shadowed, claim


def main() -> NoReturn:
    """Run the command line and leave with a documented exit code."""
    _leave_the_working_folder_to_the_end()
    # At its end Python looks for garbage among all objects of all modules, several times: PyTorch's take half a second.
    atexit.register(gc.freeze)
    try:
        claim()
    except Shadowed as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    from bench.cli import main as run

    run()


def _leave_the_working_folder_to_the_end() -> None:
    """Undo what `python -m` does: a file of the user's takes the place of no module that ours import."""
    if not sys.flags.safe_path and sys.path[0] in ("", os.getcwd()):
        sys.path.append(sys.path.pop(0))


if __name__ == "__main__":
    main()
