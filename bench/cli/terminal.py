"""Terminals and files that do not know every character: nothing fails, and what is lacking is replaced."""

import codecs
import io
import re
import sys
import unicodedata
from typing import Final

_HANDLER: Final = "varbench.plain"
_ASCII: Final = "varbench_ascii"
_PLAIN: Final = dict(zip("−–—·●×≈∇", ("-", "-", "-", "-", "o", "x", "~", "grad"), strict=True)) | {
    "±": "+-",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "√": "sqrt",
}
_GREEK: Final = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)")


def replace_what_is_lacking() -> None:
    """Let standard output and error take every character, whatever their encoding."""
    codecs.register_error(_HANDLER, _replaced)
    codecs.register(_find)
    for stream in (sys.stdout, sys.stderr):
        # Either is None where it is closed, and no file of its own where somebody catches it.
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_ASCII if ascii_only else None, errors=_HANDLER)


def _find(name: str) -> codecs.CodecInfo | None:
    """Return ASCII by a name of ours: where click meets its own, it takes it for a mistake and writes UTF-8."""
    if name != _ASCII:
        return None
    found = codecs.lookup("ascii")
    return codecs.CodecInfo(
        found.encode,
        found.decode,
        found.streamreader,
        found.streamwriter,
        found.incrementalencoder,
        found.incrementaldecoder,
        name=_ASCII,
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    """Return what stands for a character in ASCII: a sign like it, the plain letter, a Greek one's name, or `?`."""
    simpler = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _PLAIN.get(character) or simpler or _greek(unicodedata.name(character, "")) or "?"


def _greek(name: str) -> str:
    found = _GREEK.fullmatch(name)
    return "" if found is None else found[2].lower() if found[1] == "SMALL" else found[2].capitalize()
