"""Tables of words and estimates as text, Markdown or LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from bench.escaping import html, markdown
from bench.results.latex import latex_table
from bench.results.text import text_table, wrapped
from bench.results.words import Word

Format = Literal["text", "markdown", "latex"]

BEST: Final = "{best}"
"""Stands in a note for how a format marks the best."""

_MARKS: Final[dict[Format, str]] = {"text": "*", "markdown": "bold", "latex": "bold"}


class Of(NamedTuple):
    """What a summary's lines and columns are of.

    Attributes:
        task: its name and its parameters, as the tables have them.
        group: of parameters; empty for final values.
        configurations: one per line.
        metrics: one per column; empty where that is none.
    """

    task: tuple[str, str]
    group: str
    configurations: Sequence[str]
    metrics: Sequence[str]


@dataclass(frozen=True)
class Block:
    """A table with what it is about.

    Attributes:
        title: what all its lines have in common, apart by dots.
        headers: of its columns.
        lines: a word per column.
        keys: how many columns, the first ones, name a line.
        notes: sentences about the table, without their full stops; see `BEST`.
        of: what it is about, where it is a summary of one task.

    >>> from varbench import tables
    >>> block = tables.Block("a task · K = 1", ["estimator", "variance"], [["reinforce", "87"]], notes=["one seed"])
    >>> block.caption("latex")
    'A task, K = 1. One seed.'
    """

    title: str
    headers: list[str]
    lines: Sequence[Sequence[Word]]
    keys: int = 1
    notes: Sequence[str] = ()
    of: Of | None = None

    def notes_in(self, form: Format) -> list[str]:
        """Return the notes in the words of a format."""
        return [note.replace(BEST, _MARKS[form]) for note in self.notes]

    def caption(self, form: Format) -> str:
        """Return title and notes as the sentences of a caption."""
        return _sentences([self.title.replace(" · ", ", "), *self.notes_in(form)])


def render(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]], form: Format, keys: int = 1) -> str:
    """Return a table with its title, without a line break at the end; an empty title is left out.

    As text it is no wider than the terminal: below the width that it needs each line becomes a block, which begins with
    the line's first `keys` columns; see `text_table`.

    >>> from varbench import tables
    >>> print(tables.render("", ["estimator", "variance"], [["reinforce", "87"], ["reparam", "4"]], "markdown"))
    | estimator | variance |
    | --- | --- |
    | reinforce | 87 |
    | reparam | 4 |
    """
    if form == "markdown":
        return _markdown(title, headers, lines)
    return (
        latex_table(headers, lines, [title] if title else [])
        if form == "latex"
        else text_table(title, headers, lines, keys)
    )


def render_blocks(blocks: Sequence[Block], form: Format) -> str:
    """Return tables one below the other; in text and Markdown, what all of them note is said once, at the end.

    >>> from varbench import tables
    >>> block = tables.Block("a task", ["estimator", "K"], [["reinforce", "1"], ["reparam", "10"]], notes=["one seed"])
    >>> print(tables.render_blocks([block], "text"))
    a task
    estimator   K
    reinforce   1
    reparam    10
    <BLANKLINE>
    one seed
    """
    if form == "latex":
        return "\n\n".join(
            latex_table(block.headers, block.lines, [block.title, *block.notes_in(form)]) for block in blocks
        )
    shared = [note for note in blocks[0].notes_in(form) if all(note in block.notes_in(form) for block in blocks)]
    parts = []
    for block in blocks:
        parts.append(render(block.title, block.headers, block.lines, form, block.keys))
        parts += _notes([note for note in block.notes_in(form) if note not in shared], form)
    return "\n\n".join([*parts, *_notes(shared, form)])


def render_captioned(blocks: Sequence[Block], form: Format) -> str:
    """Return tables with captions that say what a reader of a paper has to know; text has them as it is."""
    if form == "text":
        return render_blocks(blocks, form)
    if form == "latex":
        return "\n\n".join(latex_table(block.headers, block.lines, caption=block.caption(form)) for block in blocks)
    tables = (f"{block.caption(form)}\n\n{_markdown('', block.headers, block.lines)}" for block in blocks)
    return "\n\n".join(tables)


def render_html(blocks: Sequence[Block]) -> str:
    """Return tables as HTML, each with its title as the caption; what all of them note is said once, at the end."""
    if not blocks:
        return ""
    shared = [
        note for note in blocks[0].notes_in("markdown") if all(note in one.notes_in("markdown") for one in blocks)
    ]
    parts = []
    for block in blocks:
        head = "".join(f"<th>{html(word)}</th>" for word in block.headers)
        lines = "".join(f"<tr>{''.join(map(_html_cell, line))}</tr>" for line in block.lines)
        own = [note for note in block.notes_in("markdown") if note not in shared]
        parts.append(
            f'<table><caption style="text-align: left; white-space: nowrap">{html(block.title)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{_html_notes(own)}"
        )
    return "".join(parts) + _html_notes(shared)


def _html_cell(word: Word) -> str:
    if isinstance(word, str):
        return f"<td>{html(word)}</td>"
    return f"<td>{f'<b>{html(word.plain())}</b>' if word.best else html(word.plain())}</td>"


def _html_notes(notes: Sequence[str]) -> str:
    return f"<p><small>{html(_sentences(notes))}</small></p>" if notes else ""


def _notes(notes: Sequence[str], form: Format) -> list[str]:
    """Return notes as a paragraph, if there are any."""
    if not notes:
        return []
    return ["\n".join(map(wrapped, notes)) if form == "text" else _sentences(notes)]


def _sentences(texts: Sequence[str]) -> str:
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in texts)


def _markdown(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    rows = [headers, ["---"] * len(headers), *lines]
    table = "\n".join(f"| {' | '.join(map(_markdown_word, row))} |" for row in rows)
    return f"**{_markdown_word(title)}**\n\n{table}" if title else table


def _markdown_word(word: Word) -> str:
    if not isinstance(word, str):
        return f"**{word.plain()}**" if word.best else word.plain()
    return markdown(word)
