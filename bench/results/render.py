"""Tables of words and estimates as aligned columns, Markdown or LaTeX."""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from bench.results.digits import Rounded, plus_minus, rounded

Format = Literal["text", "markdown", "latex"]


class Estimate(NamedTuple):
    """A value ± its standard error, which may be NaN: unknown. The best is set in bold."""

    value: float
    se: float
    best: bool = False

    def plain(self) -> str:
        """Return `1.23 ± 0.04`, with a power of ten where that is needed."""
        return plus_minus(self.value, self.se)

    def parts(self) -> Rounded:
        """Return value, error and power as siunitx is to read them.

        With a power where digits before the point are rounded: `24700(5400)` would be read as 24700.5400.
        """
        value, error, power = rounded(self.value, self.se)
        if not error or "." in error or float(error) < 100:
            return Rounded(value, error, power)
        more = len(value.lstrip("-")) - 1
        places = max(0, more - len(error) + 2)
        return Rounded(f"{float(value) / 10**more:.{places}f}", f"{float(error) / 10**more:.{places}f}", power + more)

    def siunitx(self) -> str:
        r"""Return `1.23 \pm 0.04 e5`, as siunitx reads it in a column S."""
        value, error, power = self.parts()
        if not math.isfinite(self.value):
            return f"{{{value}}}"
        text = rf"{value} \pm {error}" if error else value
        text = f"{text} e{power}" if power else text
        return rf"\bfseries {text}" if self.best else text


Word = str | Estimate

_LATEX: Final = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "²": r"$^2$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "√": r"$\surd$",
    "†": r"$^\dagger$",
    "–": "--",
    "−": r"$-$",
}


def render(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]], form: Format) -> str:
    """Return a table with its title, without a line break at the end; an empty title is left out.

    >>> from bench.tables import render
    >>> print(render("", ["estimator", "variance"], [["reinforce", "87"], ["reparam", "4"]], "markdown"))
    | estimator | variance |
    | --- | --- |
    | reinforce | 87 |
    | reparam | 4 |
    """
    if form == "markdown":
        return _markdown(title, headers, lines)
    return _latex(title, headers, lines) if form == "latex" else _text(title, headers, lines)


def _text(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    words = [headers, *([_text_word(word) for word in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*words, strict=True)]
    rows = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in words]
    return "\n".join([title, *rows] if title else rows)


def _text_word(word: Word) -> str:
    """Return a word; the best has a star, as there is no bold."""
    if isinstance(word, str):
        return word
    return f"{word.plain()} *" if word.best else word.plain()


def _markdown(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    rows = [headers, ["---"] * len(headers), *lines]
    table = "\n".join(f"| {' | '.join(map(_markdown_word, row))} |" for row in rows)
    return f"**{_markdown_word(title)}**\n\n{table}" if title else table


def _markdown_word(word: Word) -> str:
    if not isinstance(word, str):
        return f"**{word.plain()}**" if word.best else word.plain()
    return word.replace("|", "\\|").replace("\n", " ")


def _latex(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    numeric = [any(not isinstance(line[column], str) for line in lines) for column in range(len(headers))]
    head = " & ".join(_braced(_latex_word(word), is_in) for word, is_in in zip(headers, numeric, strict=True))
    body = [
        " & ".join(
            _braced(_latex_word(word), is_in) if isinstance(word, str) else word.siunitx()
            for word, is_in in zip(line, numeric, strict=True)
        )
        for line in lines
    ]
    # Comments, for the caption is the paper's to write.
    packages = r"\usepackage{booktabs,siunitx}" if any(numeric) else r"\usepackage{booktabs}"
    needs = f"% {title}; needs {packages}" if title else f"% needs {packages}"
    setup = [r"% and \sisetup{separate-uncertainty, detect-weight, mode=text}"] if any(numeric) else []
    columns = "".join(_column([line[place] for line in lines]) for place in range(len(headers)))
    return "\n".join(
        [
            needs,
            *setup,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *(rf"{line} \\" for line in body),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


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
    error = max((len(error.replace(".", "").lstrip("0")) for _, error, _ in known), default=0)
    power = max((len(str(power)) if power else 0 for _, _, power in known), default=0)
    negative = "-" if any(power < 0 for _, _, power in known) else ""
    exponent = f"e{negative}{max(1, power - len(negative))}" if power else ""
    uncertainty = f"({error})" if error else ""
    return f"S[table-format={sign}{whole}.{places}{uncertainty}{exponent}]"


def _braced(word: str, in_number_column: bool) -> str:
    return f"{{{word}}}" if in_number_column and not word.startswith("{") else word


def _latex_word(word: str) -> str:
    # A bracket at the start of a row would be read as an argument of the \\ before it.
    text = "".join(_LATEX.get(character, character) for character in word.replace("\n", " "))
    return f"{{{text}}}" if text.startswith("[") else text
