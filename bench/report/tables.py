"""Tables of a report: those of `bench table`, with what sorts them and marks what is significant."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bench import escaping
from bench.results.frames import records, where
from bench.results.pivot import comparison
from bench.results.render import Block, Of
from bench.results.tables import Results
from bench.results.words import Word

CONTESTED: Final = ("variance", "snr", "cosine", "seconds")
"""Metrics of which the best is marked where it is significantly better than every other."""
_BEST: Final = "★: significantly better than every other estimator of the same target, parameters and K"
_NUMBER: Final = re.compile(r"[−-]?(?:\d+(?:\.\d+)?(?:e[−+-]?\d+)?|inf)(?![\w.-])")
_MARKS: Final = {"biased": "biased", "biased, as declared": "declared"}


class Entry(NamedTuple):
    """What stands in a cell of a table.

    Attributes:
        text: the words.
        order: the number to sort by; None where it is sorted by its text.
        mark: `best`, `biased`, `declared`, a status or none, for the look of it.
        link: to a place in the report; empty without.
    """

    text: str
    order: float | None = None
    mark: str = ""
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what all its lines have in common.
        headers: of its columns.
        lines: an entry per column; the first is the head of its line.
        notes: sentences below it.
        of: what it is about, where it is a summary.
    """

    caption: str
    headers: Sequence[str]
    lines: Sequence[Sequence[Entry]]
    notes: Sequence[str] = ()
    of: Of | None = None


@dataclass(frozen=True)
class Bests:
    """Which configurations are significantly the best, by parameter group and metric."""

    known: frozenset[tuple[str, str, str]] = field(default_factory=frozenset)

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        return key in self.known


def bests(results: Results, groups: Sequence[str]) -> Bests:
    """Return what `bench table --across` sets in bold, of these parameter groups and of the whole gradient."""
    measured = set(results.gradients["metric"])
    metrics = [metric for metric in CONTESTED if metric in measured]
    if not metrics:
        return Bests()
    compared = comparison(results, metrics, groups)
    found = records(where(compared, compared["best"]))
    return Bests(frozenset((one.configuration, one.group, one.metric) for one in found))


def table_of(block: Block, best: Bests, link: Callable[[str], str]) -> Table:
    """Return a summary as a table.

    Args:
        block: of a summary.
        best: what is marked.
        link: from a configuration to its estimator.
    """
    of = block.of
    if of is None:
        raise ValueError("a block without configurations is not a summary")
    lines = [
        [
            _entry(word, metric, (configuration, "", of.group), best, link if place == 0 else None)
            for place, (word, metric) in enumerate(zip(line, of.metrics, strict=True))
        ]
        for configuration, line in zip(of.configurations, block.lines, strict=True)
    ]
    marked = any(entry.mark == "best" for line in lines for entry in line)
    notes = [*block.notes_in("text"), *([_BEST] if marked else [])]
    return Table(block.title, block.headers, lines, sentences(notes), of)


def _entry(word: Word, metric: str, of: tuple[str, str, str], best: Bests, link: Callable[[str], str] | None) -> Entry:
    text = word if isinstance(word, str) else word.plain()
    configuration, _, group = of
    entry = Entry(escaping.line(text), order_of(text))
    if link is not None:
        return entry._replace(link=link(configuration), order=None)
    if metric and any((configuration, one, metric) in best for one in (group, "all")):
        return entry._replace(mark="best")
    return entry._replace(mark=_MARKS.get(text, ""))


def order_of(text: str) -> float | None:
    """Return the number with which a text begins; None if it does not begin with one.

    >>> order_of("−1.5e−3 [−2e−3, 0]"), order_of("reparam")
    (-0.0015, None)
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    value = float(found[0].replace("−", "-"))
    return value if math.isfinite(value) else math.copysign(1e308, value)


def plain_table(
    caption: str, headers: Sequence[str], lines: Sequence[Sequence[object]], notes: Sequence[str] = ()
) -> Table:
    """Return a table of entries, words and numbers; words are sorted by a number that they begin with."""
    made = [[one if isinstance(one, Entry) else entry(one) for one in line] for line in lines]
    return Table(caption, headers, made, sentences(notes))


def entry(value: object) -> Entry:
    """Return what stands for a value, as text that obeys nothing."""
    return Entry(escaping.line(str(value)), order_of(str(value)))


def sentences(texts: Sequence[str]) -> list[str]:
    """Return texts as sentences."""
    return [f"{text[:1].upper()}{text[1:]}." for text in texts if text]
