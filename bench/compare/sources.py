"""Where results to compare come from: a folder, or a folder in a git revision, `REVISION:FOLDER`."""

import io
import subprocess
import tarfile
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.errors import ResultsError
from bench.results.tables import Results, load

_LARGEST: Final = 4 << 30
"""Bytes of a committed folder that are unpacked at most; a thousand cells have about a hundred MiB."""


def read_source(source: str, warn: Callable[[str], object] = warnings.warn) -> Results:
    """Return the tables of a results folder, or of one that is committed, written `REVISION:FOLDER`; see `load`.

    Raises:
        ResultsError: there is no such folder or revision, or something in it cannot be read, or it holds no cell.
    """
    revision, colon, folder = source.partition(":")
    if Path(source).exists() or not colon:
        found = load(source, warn=warn)
    else:
        with tempfile.TemporaryDirectory(prefix="bench-compare-") as temporary:
            _extract(revision, folder or "results", Path(temporary))
            found = load(Path(temporary) / (folder or "results"), warn=warn)
    if found.final.empty:
        raise ResultsError(f"{source} holds no finished cell: give a folder that `bench run --out` wrote to")
    return found


def _extract(revision: str, folder: str, into: Path) -> None:
    """Write a committed folder, as seen from the working folder, below `into`."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise ResultsError(f"'{revision}:{folder}' is neither a folder nor a git revision in this repository")
    size = _committed_bytes(commit.decode().strip(), folder)
    if size > _LARGEST:
        raise ResultsError(
            f"{revision}:{folder} holds {size >> 20} MiB, but at most {_LARGEST >> 20} are unpacked: "
            "name a folder of results, or check the revision out and give the folder"
        )
    archive = _git("archive", "--format=tar", commit.decode().strip(), "--", folder)
    if archive is None:
        raise ResultsError(f"revision {revision} has no folder {folder} in the working folder: see `git ls-tree`")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(into, filter="data")


def _committed_bytes(commit: str, folder: str) -> int:
    """Return how large the files of a committed folder are together."""
    lines = (_git("ls-tree", "-r", "--long", commit, "--", folder) or b"").splitlines()
    # Mode, type, object, size, path; a submodule has no size.
    return sum(int(size) for line in lines if (size := line.split(maxsplit=4)[3]).isdigit())


def _git(*arguments: str) -> bytes | None:
    """Return what git prints, or None where it fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError as error:
        raise ResultsError(f"git cannot be run ({error.strerror}): give folders instead of revisions") from error
    return done.stdout if done.returncode == 0 else None
