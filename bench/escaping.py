"""Text that came from elsewhere stays text: one function for each medium that it is written to.

A name, a note or a reason of a record may hold anything, as may the message of an error.
"""

import json
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    import pandas as pd

_OBEYED: Final = re.compile(
    # C0 and C1 but line breaks and tabs; what turns the direction of writing; halves of surrogate pairs.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that a terminal obeys, and does not show."""
_IN_SCRIPT: Final = re.compile(rf"{_OBEYED.pattern}|[<>&]")
_BREAKS: Final = re.compile(r"[\n\t]")
_BREAK: Final = re.compile(r"[\n\t\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With which a cell of a spreadsheet begins that is computed."""
_MARKDOWN: Final = re.compile(
    # Of `_`, the one that is not within a word; of brackets, the link's; of `&`, that of an entity.
    r"[\\`*<>|~]|(?<!\w)_|_(?!\w)|(?<=\])\(|&(?=#?\w+;)"
)
_LATEX: Final = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"\textbar{}",
    "–": "--",
    "“": "``",
    "”": "''",
    "’": "'",
    "é": r"\'e",
    **{
        character: f"${command}$"
        for character, command in {
            "²": "^2",
            "±": r"\pm",
            "·": r"\cdot",
            "×": r"\times",
            "√": r"\surd",
            "†": r"^\dagger",
            "−": "-",
            "≥": r"\ge",
            "≤": r"\le",
            "≪": r"\ll",
            "≈": r"\approx",
            "∞": r"\infty",
            "∝": r"\propto",
            "→": r"\to",
            "∇": r"\nabla",
            "‖": r"\Vert",
            "Σ": r"\Sigma",
            "α": r"\alpha",
            "⁴": "^4",
            "½": r"\tfrac12",
            "β": r"\beta",
            "γ": r"\gamma",
            "ε": r"\varepsilon",
            "η": r"\eta",
            "θ": r"\theta",
            "λ": r"\lambda",
            "μ": r"\mu",
            "π": r"\pi",
            "ρ": r"\rho",
            "σ": r"\sigma",
            "τ": r"\tau",
            "φ": r"\phi",
        }.items()
    },
}


def terminal(text: str) -> str:
    r"""Return a text as a terminal shows it, and does not obey it; lines and tabs stay.

    >>> from bench.escaping import terminal
    >>> print(terminal("red \x1b[31m, bell \x07"))
    red \x1b[31m, bell \x07
    """
    return _OBEYED.sub(_shown, text)


def echo(message: object = "", nl: bool = True, err: bool = False) -> None:
    """Print a text on stdout or stderr, escaped by `terminal`: everything that a command prints is printed by this.

    Args:
        message: its text, or something that has one.
        nl: whether the line ends.
        err: whether it goes to stderr.

    >>> from bench.escaping import echo
    >>> echo("87.1")
    87.1
    """
    click.echo(terminal(str(message)), nl=nl, err=err)


def line(text: str) -> str:
    r"""Return a text as `terminal`, in one line.

    >>> from bench.escaping import line
    >>> print(line("one\ntwo"))
    one\ntwo
    """
    return _BREAKS.sub(_shown, terminal(text))


def figure(text: str) -> str:
    r"""Return a text as matplotlib draws it: in one line, and without formulas.

    >>> from bench.escaping import figure
    >>> print(figure("cost in $"))
    cost in \$
    """
    return line(text).replace("$", r"\$")


def latex(text: str) -> str:
    r"""Return a text as LaTeX sets it, in one line: every special character is escaped.

    >>> from bench.escaping import latex
    >>> print(latex("a_b \n\\input{c}"))
    a\_b  \textbackslash{}input\{c\}
    """
    return "".join(_LATEX.get(character, character) for character in terminal(_BREAK.sub(" ", text)))


def latex_comment(text: str) -> str:
    r"""Return a text as the line of a comment in LaTeX.

    >>> from bench.escaping import latex_comment
    >>> print(latex_comment("one\n\\input{two}"))
    % one \input{two}
    """
    return f"% {terminal(_BREAK.sub(' ', text))}"


def markdown(text: str) -> str:
    r"""Return a text as Markdown shows it, in one line: no emphasis, no link, no HTML, no cell of a table.

    >>> from bench.escaping import markdown
    >>> print(markdown("relative_bias | <b> *x*"))
    relative_bias \| \<b\> \*x\*
    """
    return _MARKDOWN.sub(r"\\\g<0>", terminal(_BREAK.sub(" ", text)))


def html(text: str) -> str:
    r"""Return a text as HTML shows it, in one line: no tag, no entity, no attribute.

    >>> from bench.escaping import html
    >>> print(html("<b> & \"x\""))
    &lt;b&gt; &amp; &quot;x&quot;
    """
    return escape(line(text))


def as_json(content: Any) -> str:
    r"""Return plain values, mappings and lists as JSON that a terminal shows, and does not obey.

    >>> from bench.escaping import as_json
    >>> print(as_json(["\x9b31m"]))
    [
     "\u009b31m"
    ]
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_script(content: Any) -> str:
    r"""Return plain values as JSON within an HTML `<script>`, which nothing in them ends.

    >>> from bench.escaping import as_script
    >>> print(as_script({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _IN_SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_csv(frame: "pd.DataFrame", header: bool = True) -> str:
    r"""Return a frame as CSV: text that a spreadsheet would compute has an apostrophe before it; numbers stay.

    Args:
        frame: its rows, or some of them.
        header: whether the names of the columns come first.

    >>> import pandas as pd
    >>> from bench.escaping import as_csv
    >>> print(as_csv(pd.DataFrame({"name": ["=1+1", "reinforce"], "value": [-1.5, 2.0]})), end="")
    name,value
    '=1+1,-1.5
    reinforce,2.0
    """
    return texts(frame, _spreadsheet).to_csv(index=False, header=header)


def texts(frame: "pd.DataFrame", escape: Callable[[str], str]) -> "pd.DataFrame":
    r"""Return a frame whose texts are escaped for a medium; all else in it stays.

    >>> import pandas as pd
    >>> from bench.escaping import figure, texts
    >>> print(texts(pd.DataFrame({"name": ["$x$"], "n": [1]}), figure).to_dict("list"))
    {'name': ['\\$x\\$'], 'n': [1]}
    """
    escaped = {}
    for name, column in frame.select_dtypes(exclude=["number", "bool"]).items():
        # Each text once: a table has few of them, and many rows.
        found = {text: escape(text) for text in column.unique() if isinstance(text, str)}
        if any(text != new for text, new in found.items()):
            escaped[name] = column.map(lambda value, found=found: found.get(value, value))
    return frame.assign(**escaped) if escaped else frame


def _spreadsheet(text: str) -> str:
    return f"'{terminal(text)}" if text.startswith(_FORMULA) else terminal(text)


def file_name(text: str) -> str:
    """Return a text as the name of a file or a folder: nothing in it leads out of the folder that it is put in.

    >>> from bench.escaping import file_name
    >>> file_name("mine:Toy"), file_name(".."), file_name("a/../b")
    ('mine-Toy', '--', 'a-..-b')
    """
    name = "".join(character if character.isalnum() or character in "-_." else "-" for character in text)
    return name if name.strip(".") else "-" * max(1, len(name))


def _shown(found: re.Match[str]) -> str:
    """Return a character as Python writes it, which names it and is harmless."""
    return found[0].encode("unicode_escape", "surrogatepass").decode()
