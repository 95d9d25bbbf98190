"""Tables of words and estimates as text, Markdown or LaTeX."""

from collections.abc import Sequence
from typing import Literal

from bench.results.latex import latex_table
from bench.results.text import text_table
from bench.results.words import Word

Format = Literal["text", "markdown", "latex"]


def render(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]], form: Format, keys: int = 1) -> str:
    """Return a table with its title, without a line break at the end; an empty title is left out.

    As text it is no wider than the terminal: below the width that it needs each line becomes a block, which begins with
    the line's first `keys` columns; see `text_table`.

    >>> from bench.tables import render
    >>> print(render("", ["estimator", "variance"], [["reinforce", "87"], ["reparam", "4"]], "markdown"))
    | estimator | variance |
    | --- | --- |
    | reinforce | 87 |
    | reparam | 4 |
    """
    if form == "markdown":
        return _markdown(title, headers, lines)
    return latex_table(title, headers, lines) if form == "latex" else text_table(title, headers, lines, keys)


def _markdown(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    rows = [headers, ["---"] * len(headers), *lines]
    table = "\n".join(f"| {' | '.join(map(_markdown_word, row))} |" for row in rows)
    return f"**{_markdown_word(title)}**\n\n{table}" if title else table


def _markdown_word(word: Word) -> str:
    if not isinstance(word, str):
        return f"**{word.plain()}**" if word.best else word.plain()
    return word.replace("|", "\\|").replace("\n", " ")
