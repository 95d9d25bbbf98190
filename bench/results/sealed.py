"""Whether a file of tensors is what was written.

In the first line of those that runs keep is the format, whose it is, and the digest of all that follows. What
`torch.save` alone has written is a zip archive, which has a checksum of every member.
"""

import hashlib
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

FIRST_LINE: Final = re.compile(rb"varbench kept (?:2|3 of (?P<of>[0-9a-f]{16})) sha256 (?P<digest>[0-9a-f]{64})\n")
"""The second format does not say whose the file is."""

ARCHIVE: Final = b"PK"
"""How an archive begins, as `torch.save` writes it."""

_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")


def first_line(payload: bytes | memoryview, path: Path) -> bytes:
    """Return the line that stands before this content in a file of this name.

    >>> first_line(b"", Path("ppca/reparam-K1-seed0-0123456789abcdef/checkpoint.pt"))[:43]
    b'varbench kept 3 of 0123456789abcdef sha256 '
    """
    of = _owner(path) or "0" * 16
    digest = _hash(of.encode())
    digest.update(payload)
    return f"varbench kept 3 of {of} sha256 {digest.hexdigest()}\n".encode()


def fits(first: re.Match[bytes], rest: io.BufferedReader | io.BytesIO) -> bool:
    """Return whether what follows the first line of a file is what was written behind it."""
    found = hashlib.file_digest(rest, lambda: _hash(first["of"] or b"")).hexdigest()
    return found == first["digest"].decode()


def _hash(of: bytes) -> Any:
    """Return a hash to go on with: whose a file is, is under its digest."""
    return hashlib.sha256(of)


def is_of_another(first: re.Match[bytes], path: Path) -> bool:
    """Return whether the first line of a file says that it belongs elsewhere than where it is."""
    owner = _owner(path)
    return None not in (first["of"], owner) and first["of"].decode() != owner


def archive_damage(file: io.BufferedReader | io.BytesIO) -> str:
    """Return in words what is wrong with an archive, of which every byte of its members is read; PyTorch does not look.

    >>> import io
    >>> archive_damage(io.BytesIO(b"PK"))
    'it is not an archive of tensors: File is not a zip file'
    """
    file.seek(0)
    # To the library of zip files, one may begin with anything.
    if file.read(len(ARCHIVE)) != ARCHIVE:
        return "it does not begin like such a file"
    try:
        with zipfile.ZipFile(file) as archive:
            member = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"it is not an archive of tensors: {error}"
    return f"the checksum of {member} does not match" if member is not None else ""


def _owner(path: Path) -> str | None:
    """Return the id in the name of a file, as a trajectory has it, or in that of its cell's folder, if there is one."""
    found = _ID.findall(f"{path.absolute().parent.name}/{path.name}")
    return found[-1] if found else None
