"""Records, and the notes about runs and about cells begun, as JSON and back, without loss.

A file says first of which schema version it is, and which digest its bytes have.
"""

import hashlib
import json
import re
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from bench.decoding import Decoder, Undecodable, encodable, plain
from bench.errors import ResultsError
from bench.results.schema import SCHEMA_VERSION, Begun, Record, RunInfo
from bench.results.soundness import unsound
from bench.results.upgrades import FIRST_WITH_DIGEST, UNNUMBERED, UPGRADES, Data
from bench.settings import Cell, Measurement, Training

T = TypeVar("T", Record, RunInfo, Begun)

_WITH_LATER: Final = (Cell, Training, Measurement)
"""Settings that came later are left out of a cell's identity at their defaults, and of older files."""

_NO_DIGEST: Final = "0" * 64
_HEAD: Final = re.compile(rb'\A{\s*"schema_version": (?P<version>\d{1,9}),\s*"sha256": "(?P<digest>[0-9a-f]{64})",')


class CorruptRecord(ResultsError):
    """A file is not what was written: cut short, edited, or of another kind.

    Args:
        path: of the file.
        what: it should be.
        why: it is not.
        remedy: what to do.
    """

    def __init__(self, path: Path, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{path} is not a readable {what} ({why}): {remedy}")
        self.why = why


_WHAT: Final[dict[type, tuple[str, str]]] = {
    Record: (
        "record",
        "delete it, or repeat the `bench run` that wrote it, which sets it aside and runs the cell again",
    ),
    RunInfo: ("note of a run", "delete it, or let the next `bench run` there set it aside; no number depends on it"),
    Begun: ("note of a cell begun", "delete it; no number depends on it"),
}


def dump(value: Record | RunInfo | Begun) -> bytes:
    """Return a record, or a note, as JSON."""
    data = {"schema_version": SCHEMA_VERSION, "sha256": _NO_DIGEST, **asdict(value)}
    text = json.dumps(encodable(data), ensure_ascii=False, allow_nan=False, indent=1)
    # A stray byte of a file name in an error message becomes \udcxx, which JSON reads back as it was.
    return with_digest(text.encode("utf-8", "backslashreplace"))


def with_digest(data: bytes) -> bytes:
    """Return a file with the digest that it should have instead of the one that it has."""
    head = _HEAD.match(data)
    assert head is not None
    start, end = head.span("digest")
    return data[:start] + _digest(data, head).encode() + data[end:]


def has_digest(data: bytes) -> bool:
    """Return whether a file, of which these are the first bytes, says which digest it has."""
    return _HEAD.match(data) is not None


def parse(kind: type[T], data: bytes, path: Path) -> T:
    """Return what `dump` wrote, now or in an earlier version; `path` is named in errors.

    Raises:
        CorruptRecord: it is not such JSON, or not the bytes that were written.
        ResultsError: it is of a schema version that this varbench does not read.
    """
    try:
        value = _parse(kind, data, path)
        if isinstance(value, Record) and (wrong := next(unsound(value), None)):
            raise Undecodable(wrong)
        return value
    except (Undecodable, KeyError, TypeError, AttributeError) as error:
        raise corrupt(kind, path, f"no {error}" if isinstance(error, KeyError) else str(error)) from error


def parse_cell(identity: str) -> Cell:
    """Return the cell of which this JSON is the identity.

    Raises:
        Undecodable: it is that of none.
    """
    return _cell_decoder().decode(identity.encode())


def corrupt(kind: type, path: Path, why: str) -> CorruptRecord:
    """Return the error that says what is wrong with a file, and what to do."""
    what, remedy = _WHAT[kind]
    return CorruptRecord(path, what, why, remedy)


def _parse(kind: type[T], data: bytes, path: Path) -> T:
    head = _HEAD.match(data)
    if head is not None:
        if _digest(data, head) != head["digest"].decode():
            raise Undecodable("its digest does not match: it was damaged, or changed by hand")
        if int(head["version"]) == SCHEMA_VERSION:
            return _decoder(kind).decode(b"{" + data[head.end() :])
    content = plain(data)
    if not isinstance(content, dict):
        raise Undecodable("it is not a JSON object")
    version = content.pop("schema_version", UNNUMBERED.get(kind))
    if version is None:
        raise Undecodable("it has no schema_version")
    if type(version) is not int:
        raise Undecodable("schema_version is not a number")
    if FIRST_WITH_DIGEST <= version <= SCHEMA_VERSION and head is None:
        raise Undecodable("it has no digest")
    if head is not None:
        del content["sha256"]
    content = _upgrade(kind, content, version, path)
    return _decoder(kind).convert(content)


@cache
def _decoder(kind: type[T]) -> Decoder[T]:
    return Decoder(kind, optional=_WITH_LATER)


@cache
def _cell_decoder() -> Decoder[Cell]:
    return Decoder(Cell, optional=_WITH_LATER)


def _digest(data: bytes, head: re.Match[bytes]) -> str:
    """Return the digest of all bytes but its own; a checkout of git may have changed the ends of lines."""
    start, end = head.span("digest")
    whole = hashlib.sha256()
    for part in (data[:start], data[end:]):
        whole.update(part.replace(b"\r\n", b"\n") if b"\r" in part else part)
    return whole.hexdigest()


def _upgrade(kind: type, content: Data, version: int, path: Path) -> Data:
    if version > SCHEMA_VERSION:
        raise ResultsError(
            f"{path} has schema version {version}, but this varbench reads up to {SCHEMA_VERSION}: update varbench"
        )
    for step in range(version, SCHEMA_VERSION):
        if step not in UPGRADES[kind]:
            raise ResultsError(
                f"{path} has schema version {version}, which this varbench no longer reads: "
                "read it with the version that wrote it, or delete it and run the cell again"
            )
        content = UPGRADES[kind][step](content)
    return content
