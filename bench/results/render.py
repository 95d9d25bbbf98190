"""Tables of text as aligned columns, Markdown or LaTeX."""

from collections.abc import Sequence
from typing import Final, Literal

Format = Literal["text", "markdown", "latex"]

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
    "–": "--",
    "−": r"$-$",
}


def render(title: str, headers: Sequence[str], lines: Sequence[Sequence[str]], form: Format) -> str:
    """Return a table with its title, without a line break at the end; an empty title is left out."""
    if form == "markdown":
        return _markdown(title, headers, lines)
    return _latex(title, headers, lines) if form == "latex" else _text(title, headers, lines)


def _text(title: str, headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(headers, *lines, strict=True)]
    rows = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in [headers, *lines]
    ]
    return "\n".join([title, *rows] if title else rows)


def _markdown(title: str, headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [headers, ["---"] * len(headers), *lines]
    table = "\n".join(f"| {' | '.join(map(_markdown_word, row))} |" for row in rows)
    return f"**{_markdown_word(title)}**\n\n{table}" if title else table


def _markdown_word(word: str) -> str:
    return word.replace("|", "\\|").replace("\n", " ")


def _latex(title: str, headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head, *body = [" & ".join(map(_latex_word, row)) + r" \\" for row in [headers, *lines]]
    # A comment, for the caption is the paper's to write.
    caption = [f"% {title}; needs \\usepackage{{booktabs}}" if title else r"% needs \usepackage{booktabs}"]
    columns = "l" * len(headers)
    return "\n".join(
        [
            *caption,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex_word(word: str) -> str:
    # A bracket at the start of a row would be read as an argument of the \\ before it.
    text = "".join(_LATEX.get(character, character) for character in word.replace("\n", " "))
    return f"{{{text}}}" if text.startswith("[") else text
