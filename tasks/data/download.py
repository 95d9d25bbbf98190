"""A pooch downloader that continues where an interrupted download stopped."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PART: Final = ".part"
_TIMEOUT: Final = (10, 30)  # seconds to connect, and to wait for the next bytes
_CHUNK: Final = 1 << 16  # bytes


class TooLong(ValueError):
    """A server sends more than the file has bytes."""


class ResumingDownloader:
    """Collects a file in `part` and continues it with an HTTP Range request where the server supports one.

    The partial file may stem from another mirror: pooch checks the whole, and deletes it if its checksum is wrong.

    Args:
        part: the partial file; it outlives an interrupted download and becomes the download when that is complete.
        size: bytes of the whole file; no more than these are received.
        progress: called with the bytes that are there so far.
    """

    def __init__(self, part: Path, size: int, progress: Callable[[int], None]) -> None:
        self.part, self.size, self.progress = part, size, progress

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        """Download `url` and move it to `output_file` (pooch's own calling convention).

        Raises:
            requests.RequestException: no connection, an HTTP error, or a connection that broke.
            TooLong: it is another file, or has no end.
        """
        # 0.1 s that only a download has to pay.
        import requests

        done = self.part.stat().st_size if self.part.exists() else 0
        # Compressed in transit, a byte range would not be a range of the file.
        headers = {"Accept-Encoding": "identity"}
        if done:
            headers["Range"] = f"bytes={done}-"
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code != requests.codes.requested_range_not_satisfiable:
                response.raise_for_status()
                continued = response.status_code == requests.codes.partial_content
                self._receive(response, done if continued else 0)
            # Otherwise nothing is left to send: it was killed between the last byte and the renaming.
        os.replace(self.part, output_file)

    def _receive(self, response: Any, done: int) -> None:
        with self.part.open("ab" if done else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if done > self.size:
                    self.part.unlink()
                    raise TooLong(f"the download is longer than {self.size} bytes")
                self.progress(done)
