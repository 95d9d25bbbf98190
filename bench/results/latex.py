"""A table as LaTeX, for booktabs and siunitx."""

import math
from collections.abc import Sequence
from typing import Final

from bench.results.words import Word

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


def latex_table(title: str, headers: Sequence[str], lines: Sequence[Sequence[Word]]) -> str:
    """Return a tabular; the title is a comment."""
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
