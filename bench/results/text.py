"""A table as aligned text; where it is wider than the terminal, as a block per line. Nothing is ever cut."""

import re
import shutil
from collections.abc import Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Final

from bench.escaping import line
from bench.results.words import Estimate, Word

_GAP: Final = "  "
_INDENT: Final = "  "
_MISSING: Final = {"", "–"}
_NARROWEST: Final = 20
"""Columns that sentences are given at least."""
_NUMBER: Final = re.compile(r"[−-]?[\d.]+(e[−+-]?\d+)?|nan|[−-]?inf|–|")


def terminal_width() -> int:
    """Return the columns of the terminal; 80 where there is none, unless the variable COLUMNS says otherwise."""
    return shutil.get_terminal_size().columns


def text_table(
    title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]], keys: int = 1, width: int | None = None
) -> str:
    """Return a table no wider than `width`, by default the terminal's: aligned columns, or blocks.

    A block begins with the line's first `keys` columns; below it stand the other columns that have a value, one `name
    value` each. Lines that agree in their keys stand side by side where that fits; keys that are empty are those of the
    line above.

    >>> from bench.results.text import text_table
    >>> lines = [["reinforce-loo", "87.1 [80.2, 94.0]"], ["reparam", "4.13 [4.01, 4.25]"]]
    >>> print(text_table("", ["estimator", "variance"], lines, width=80))
    estimator      variance
    reinforce-loo  87.1 [80.2, 94.0]
    reparam        4.13 [4.01, 4.25]
    >>> print(text_table("", ["estimator", "variance"], lines, width=30))
    reinforce-loo
      variance  87.1 [80.2, 94.0]
    <BLANKLINE>
    reparam
      variance  4.13 [4.01, 4.25]
    """
    width = terminal_width() if width is None else width
    title, headers = line(title), [line(header) for header in headers]
    body = [[_plain(word) for word in words] for words in lines]
    rows = _aligned([list(headers), *body])
    heading = [wrapped(title, width)] if title else []
    if max(map(len, rows)) <= width or not body:
        return "\n".join([*heading, *rows])
    return "\n\n".join([*heading, *_blocks(headers, body, keys, width)])


def wrapped(text: str, width: int | None = None) -> str:
    """Return a sentence in lines no wider than `width`, by default the terminal's: broken at its dots, or at spaces.

    >>> from bench.results.text import wrapped
    >>> print(wrapped("variance · mean ± standard error over 5 seeds · K = 2", 40))
    variance ·
      mean ± standard error over 5 seeds ·
      K = 2
    """
    width = max(_NARROWEST, terminal_width() if width is None else width)
    if len(text) <= width:
        return text
    parts = text.split(" · ")
    pieces = [f"{part} ·" for part in parts[:-1]] + parts[-1:]
    return "\n".join(_filled([word for piece in pieces for word in _unbroken(piece, width - len(_INDENT))], width))


def counted(number: int, what: str) -> str:
    """Return `1 check` or `3 checks`."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def folded(line: str, indent: int) -> str:
    """Return a line in lines no wider than the terminal, broken at spaces; all but the first begin with an indent."""
    return "\n".join(
        wrap(
            line,
            terminal_width(),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _unbroken(piece: str, width: int) -> list[str]:
    """Return a piece of a sentence whole, or its words where it does not fit into a line."""
    return [piece] if len(piece) <= width else piece.split(" ")


def _filled(pieces: Sequence[str], width: int) -> list[str]:
    """Return lines of as many pieces as fit, all but the first indented."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(_INDENT + piece)
    return lines


def _plain(word: Word) -> str:
    """Return a word; the best has a star, as there is no bold."""
    if not isinstance(word, Estimate):
        return line(word)
    return f"{word.plain()} *" if word.best else word.plain()


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a header and lines, padded; columns of numbers alone are aligned at their right."""
    columns = []
    for column in zip(*rows, strict=True):
        widest = max(map(len, column))
        are_numbers = all(map(_NUMBER.fullmatch, column[1:])) and any(column[1:])
        columns.append([word.rjust(widest) if are_numbers else word.ljust(widest) for word in column])
    return [_GAP.join(words).rstrip() for words in zip(*columns, strict=True)]


def _blocks(headers: Sequence[str], body: Sequence[Sequence[str]], keys: int, width: int) -> list[str]:
    """Return a block for each line, or for lines that agree in their keys, as many as fit side by side."""
    starts = [place for place, line in enumerate(body) if place == 0 or _is_new(body[place - 1], line, keys)]
    blocks = []
    for start, end in pairwise([*starts, len(body)]):
        heading = wrapped(_GAP.join(_key(*pair) for pair in zip(headers, body[start][:keys], strict=False)), width)
        columns = [line[keys:] for line in body[start:end]]
        while columns:
            fitting = [n for n in range(1, len(columns) + 1) if _is_within(width, headers[keys:], columns[:n])]
            n = max(fitting, default=1)
            found = _pairs(headers[keys:], columns[:n]) if fitting else _folded(headers[keys:], columns[0], width)
            blocks.append("\n".join([heading, *found]))
            columns = columns[n:]
    return blocks


def _key(name: str, value: str) -> str:
    """Return what a block is of: a number with its name, which no reader would guess."""
    return f"{name} = {value}" if name and value and _NUMBER.fullmatch(value) else value


def _is_within(width: int, names: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    return max(map(len, _pairs(names, columns)), default=0) <= width


def _is_new(above: Sequence[str], line: Sequence[str], keys: int) -> bool:
    return any(line[:keys]) and list(line[:keys]) != list(above[:keys])


def _pairs(names: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Return a name and its values on each line, without names that have no value."""
    rows = [row for row in zip(names, *columns, strict=True) if not _MISSING.issuperset(row[1:])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _INDENT + _GAP.join(word.ljust(widest) for word, widest in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _folded(names: Sequence[str], values: Sequence[str], width: int) -> list[str]:
    """Return a name and its value on each line; a value that is too long goes on below itself, broken at spaces."""
    known = [(name, value) for name, value in zip(names, values, strict=True) if value not in _MISSING]
    start = len(_INDENT) + max((len(name) for name, _ in known), default=0) + len(_GAP)
    if width - start >= _NARROWEST:
        indent = " " * start
        return _pairs(
            [name for name, _ in known], [["\n".join(_broken(value, width, indent)).lstrip() for _, value in known]]
        )
    # Not even that: each value is below its name.
    return [line for name, value in known for line in (_INDENT + name, *_broken(value, width, 2 * _INDENT))]


def _broken(text: str, width: int, indent: str) -> list[str]:
    """Return a text in indented lines, broken at spaces alone."""
    room = max(width, len(indent) + _NARROWEST)
    return wrap(
        text, room, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
