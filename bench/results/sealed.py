"""The first line of a file of tensors that runs keep: which format it is, and the digest of all that follows."""

import hashlib
import re
from typing import Final

FIRST_LINE: Final = re.compile(rb"varbench kept 2 sha256 (?P<digest>[0-9a-f]{64})\n")


def first_line(payload: bytes | memoryview) -> bytes:
    """Return the line that stands before this content."""
    return f"varbench kept 2 sha256 {hashlib.sha256(payload).hexdigest()}\n".encode()
