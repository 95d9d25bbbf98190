"""A table as LaTeX, for booktabs, graphicx and siunitx."""

import math
import re
from collections.abc import Sequence
from typing import Final

from bench import escaping
from bench.results.words import Word

_POWER: Final = re.compile(r"(?<![\w.])(\d[\d.]*)e([−+-]?)(\d{1,4})(?![\w.]*\w)")
"""A number with a power of ten, as `1.2e−33`."""

_FITTING: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Makes what is wider than the text as wide as the text, and leaves the rest as it is."""
_WIDEST: Final = 110
"""Characters side by side that a page of one column shows at a readable size."""
_BETWEEN: Final = 3


def latex_table(
    headers: Sequence[str], lines: Sequence[Sequence[Word]], comments: Sequence[str] = (), caption: str = ""
) -> str:
    """Return a tabular no wider than the text; with a caption, as a floating table.

    What would have to shrink too much stands in several parts, one below the other, each with the columns that name the
    lines.

    Args:
        headers: of the columns.
        lines: a word per column.
        comments: sentences above it that LaTeX does not read, as the caption is the paper's to write.
        caption: of the table.
    """
    parts = [
        _tabular([headers[place] for place in places], [[line[place] for place in places] for line in lines])
        for places in _parts(headers, lines)
    ]
    body = "\n\n\\medskip\n".join(parts)
    if caption:
        words = _latex_word(caption)
        body = f"\\begin{{table}}[t]\n\\centering\n\\caption{{{words}}}\n\\smallskip\n{body}\n\\end{{table}}"
    with_numbers = any(not isinstance(word, str) for line in lines for word in line)
    return "\n".join([*map(escaping.latex_comment, comments), *_needs(with_numbers), body])


def _parts(headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> list[list[int]]:
    """Return the columns of each part, as few as a page is wide enough for, and about as wide as each other."""
    widths = [
        max(map(len, [header, *(_plain(line[place]) for line in lines)])) + _BETWEEN
        for place, header in enumerate(headers)
    ]
    parts = _parts_within(_WIDEST, widths, lines)
    for limit in range(_WIDEST, 0, -1):
        narrower = _parts_within(limit, widths, lines)
        if len(narrower) > len(parts):
            break
        parts = narrower
    return parts


def _parts_within(limit: int, widths: Sequence[int], lines: Sequence[Sequence[Word]]) -> list[list[int]]:
    """Return the columns of each part: those that tell the lines apart, and others, as many as fit."""
    keys = next((n for n in range(1, len(widths)) if len({tuple(line[:n]) for line in lines}) == len(lines)), 1)
    named = list(range(keys))
    parts = [[*named]]
    for place in range(keys, len(widths)):
        if len(parts[-1]) > keys and sum(widths[one] for one in [*parts[-1], place]) > limit:
            parts.append([*named])
        parts[-1].append(place)
    return parts


def _plain(word: Word) -> str:
    return word if isinstance(word, str) else word.plain()


def _tabular(headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    numeric = [any(not isinstance(line[column], str) for line in lines) for column in range(len(headers))]
    head = " & ".join(_braced(_latex_word(word), is_in) for word, is_in in zip(headers, numeric, strict=True))
    body = [
        " & ".join(
            _braced(_latex_word(word), is_in) if isinstance(word, str) else word.siunitx()
            for word, is_in in zip(line, numeric, strict=True)
        )
        for line in lines
    ]
    columns = "".join(_column([line[place] for line in lines]) for place in range(len(headers)))
    return "\n".join(
        [
            _FITTING,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *(rf"{line} \\" for line in body),
            r"\bottomrule",
            r"\end{tabular}}",
        ]
    )


def _needs(with_numbers: bool) -> list[str]:
    """Return comments that say what the paper's preamble must have."""
    if not with_numbers:
        return [r"% needs \usepackage{booktabs,graphicx}"]
    return [
        r"% needs \usepackage{booktabs,graphicx,siunitx}",
        r"% and \sisetup{separate-uncertainty, detect-weight, mode=text, group-digits=false}",
    ]


def _column(words: Sequence[Word]) -> str:
    """Return `l`, or siunitx' S with as many digits as its estimates have."""
    known = [word.parts() for word in words if not isinstance(word, str) and math.isfinite(word.value)]
    if all(isinstance(word, str) for word in words):
        return "l"
    if not known or any("e" in value for value, _, _ in known):
        return "S"
    whole = max(len(value.lstrip("-").partition(".")[0]) for value, _, _ in known)
    places = max(len(value.partition(".")[2]) for value, _, _ in known)
    sign = "-" if any(value.startswith("-") for value, _, _ in known) else ""
    error = max(_error_digits(error, places) for _, error, _ in known)
    power = max((len(str(power)) if power else 0 for _, _, power in known), default=0)
    negative = "-" if any(power < 0 for _, _, power in known) else ""
    exponent = f"e{negative}{max(1, power - len(negative))}" if power else ""
    uncertainty = f"({error})" if error else ""
    return f"S[table-format={sign}{whole}.{places}{uncertainty}{exponent}]"


def _error_digits(error: str, places: int) -> int:
    """Return how many digits an error needs room for, counted from its first to the column's last place."""
    before, _, behind = error.partition(".")
    return len(before) + places if before.strip("0") else len(behind.lstrip("0"))


def _braced(word: str, in_number_column: bool) -> str:
    return f"{{{word}}}" if in_number_column and not word.startswith("{") else word


def _latex_word(word: str) -> str:
    # At the start of a row, a bracket or a star would be read as an argument of the \\ before it.
    parts = _POWER.split(word)
    text = escaping.latex(parts[0])
    for number, sign, power, rest in zip(parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True):
        text += rf"${number}\cdot10^{{{sign.strip('+').replace('−', '-')}{int(power)}}}${escaping.latex(rest)}"
    return f"{{{text}}}" if text.startswith(("[", "*")) else text
