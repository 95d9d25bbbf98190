"""The cache folder: what is in it, whether it is intact, and how it is filled."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, cast

import pooch
from filelock import FileLock

from tasks.data import DataUnavailable
from tasks.data.catalogue import DATASETS, Dataset, File
from tasks.data.download import PART, ResumingDownloader, TooLong

_PART: Final = 1 << 20

Status = Literal["ok", "missing", "corrupt"]
Progress = Callable[[File, int], None]
"""`progress(file, bytes so far)`."""


def cache_folder() -> Path:
    """Return the folder of the datasets: `BENCH_DATA` where it is set, else the user's cache."""
    chosen = os.environ.get("BENCH_DATA")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("varbench")) / "data"


def present(name: str) -> bool:
    """Return whether every file of a dataset is there; their content is not looked at."""
    return all(_locate(file) for file in DATASETS[name].files)


def verify(name: str) -> dict[str, Status]:
    """Compare each file of a dataset with its checksum; the keys are paths relative to the cache folder."""
    return {file.path: _status(file) for file in DATASETS[name].files}


def read(name: str, filename: str) -> bytes:
    """Return the content of one file of a dataset, checked against its checksum.

    Raises:
        DataUnavailable: the file is missing or corrupt; the message says how to mend that.
    """
    dataset = DATASETS[name]
    file = next(file for file in dataset.files if file.name == filename)
    path = _locate(file)
    if path is None:
        raise DataUnavailable(f"{name} is not in {cache_folder()}; {_remedy(name, dataset)}")
    try:
        with _opened(file, path) as stream:
            # One byte more is enough to see that it is another file, however much there is.
            content = stream.read(file.size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataUnavailable(f"{path} is corrupt; delete it, then {_remedy(name, dataset)}") from None
    except OSError as error:
        raise DataUnavailable(
            f"{path} cannot be read ({error.strerror}); fix that, or {_remedy(name, dataset)}"
        ) from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataUnavailable(f"{path} is corrupt (its checksum is wrong); delete it, then {_remedy(name, dataset)}")
    return content


def fetch(name: str, progress: Progress = lambda file, done: None) -> list[Path]:
    """Download what is missing or corrupt of a dataset, and return the paths of all its files.

    Finished files are kept, and an interrupted one is continued. A file appears under its name only when it is
    complete and its checksum is right.

    Raises:
        DataUnavailable: a file could not be had; the message names every address that was tried.
    """
    return [_fetch(name, file, progress) for file in DATASETS[name].files]


def _fetch(name: str, file: File, progress: Progress) -> Path:
    path = _locate(file)
    if path is not None and _status(file) == "ok":
        return path
    path = cache_folder() / file.path
    if not file.mirrors:
        raise DataUnavailable(f"{file.path} has no public address that could be verified; copy it to {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes must not append to the same partial file.
        with FileLock(path.parent / ".fetch.lock"):
            _download(name, file, path, progress)
    except OSError as error:
        raise DataUnavailable(
            f"{path} cannot be written ({error.strerror}); set BENCH_DATA to a writable folder"
        ) from None
    return path


def _download(name: str, file: File, path: Path, progress: Progress) -> None:
    """Try the mirrors in turn."""
    import requests

    # Its announcements would come between the lines of a progress bar.
    pooch.get_logger().setLevel("ERROR")
    part = path.with_name(path.name + PART)
    # pooch's own protocol for downloaders names its parameters otherwise than pooch calls them.
    downloader: Any = ResumingDownloader(part, file.size, lambda done: progress(file, done))
    failures: dict[str, str] = {}
    # A partial file that was spoilt costs one try, not a mirror.
    spare = file.mirrors[:1] if part.exists() else ()
    for url in (*spare, *file.mirrors):
        try:
            pooch.retrieve(url, f"sha256:{file.sha256}", path.name, path.parent, downloader=downloader)
        except requests.RequestException as error:
            failures[url] = _reason(error)
        except TooLong as error:
            failures[url] = str(error)
        except ValueError:
            failures[url] = "the download has the wrong checksum"
        else:
            return
    tried = ", ".join(f"{url} ({reason})" for url, reason in failures.items())
    raise DataUnavailable(
        f"{file.path} could not be fetched from {tried}; run `bench data fetch {name}` again when there is a"
        f" connection (it continues), or set BENCH_DATA to a folder that holds {file.path}"
    )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return "no connection"


def _remedy(name: str, dataset: Dataset) -> str:
    elsewhere = f"set BENCH_DATA to a folder that holds {dataset.folder}/"
    return f"run `bench data fetch {name}`, or {elsewhere}" if dataset.fetchable else elsewhere


def _locate(file: File) -> Path | None:
    """Return the path of a file, or of its gzipped form, where it exists."""
    path = cache_folder() / file.path
    forms = (path, path.with_name(path.name + ".gz")) if file.gzip_allowed else (path,)
    return next((form for form in forms if form.is_file()), None)


def _status(file: File) -> Status:
    path = _locate(file)
    if path is None:
        return "missing"
    digest, left = hashlib.sha256(), file.size + 1
    try:
        with _opened(file, path) as stream:
            while left and (part := stream.read(min(left, _PART))):
                digest.update(part)
                left -= len(part)
    except (EOFError, zlib.error, OSError):
        return "corrupt"
    return "ok" if digest.hexdigest() == file.sha256 else "corrupt"


def _opened(file: File, path: Path) -> BinaryIO:
    """Return the content of a file as a stream, unzipped as it is read."""
    if file.gzip_allowed and path.suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(path))
    return path.open("rb")
