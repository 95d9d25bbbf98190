"""Documents of the user's own: counts of words (LDA-C), or one text per line."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import Tensor

from tasks.data import DataUnavailable
from tasks.data.corpora import Documents, in_rows, parse_lda_c, split
from tasks.data.files import Stamp, content_name, located, stamp, text

_LDA_C: Final = re.compile(r"\d+(\s+\d+:\d+)+\s*")
_PAIR: Final = re.compile(r"(\d+):")
_MOST_TERMS: Final = 1 << 24
"""A word's number is to be exact in float32, too."""


@dataclass(frozen=True)
class Corpus:
    """Documents with their words.

    Attributes:
        documents: as of a corpus of the suite.
        terms: the number of words in the vocabulary.
        length: words in a document, on average.
        vocabulary: the words in the order of their numbers; None of a file of counts, which has none.
    """

    documents: Documents
    terms: int
    length: int
    vocabulary: list[str] | None


def load(place: str) -> Corpus:
    """Return the documents of a file: LDA-C where its first line is of that form, else one text per line.

    Words of a text are runs of at least two letters, digits or underscores, in lower case; empty lines are left out.

    Raises:
        DataUnavailable: it cannot be used; the message names the line.
    """
    path = located(place)
    if path.is_dir():
        raise DataUnavailable(f"{path} is a folder: give a file in LDA-C format, or with one text per line")
    return _load(path, stamp([path]))


@lru_cache(maxsize=2)
def _load(path: Path, seen: Stamp) -> Corpus:
    content, digest = text(path)
    lines = [line for line in content.split("\n") if line.strip()]
    counted = bool(lines) and _LDA_C.fullmatch(lines[0]) is not None
    rows, terms, vocabulary = _counted(path, content) if counted else _written(path, lines)
    if len(rows) < 2:
        raise DataUnavailable(
            f"{path} holds one document (one per line): at least one for training and one for testing are needed"
        )
    if terms < 2:
        raise DataUnavailable(f"{path} holds only one word: there is nothing to learn")
    train, test = split(rows)
    note = f"{len(train)} documents of {terms} different words, and {len(test)} to test"
    length = max(1, round(float((rows >= 0).sum(1).double().mean())))
    return Corpus(Documents(train, test, content_name("corpus", digest), note), terms, length, vocabulary)


def _counted(path: Path, content: str) -> tuple[Tensor, int, None]:
    terms = max(map(int, _PAIR.findall(content))) + 1
    if terms > _MOST_TERMS:
        raise DataUnavailable(f"{path} has a word with the number {terms - 1}: number words from 0, without gaps")
    try:
        return parse_lda_c(content.rstrip(), terms), terms, None
    except ValueError as error:
        raise DataUnavailable(f"{path} begins like LDA-C, `count word:times …`, but {error}") from None


def _written(path: Path, lines: list[str]) -> tuple[Tensor, int, list[str]]:
    # It takes a second to import.
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer()
    try:
        counts: Any = counter.fit_transform(lines)
    except ValueError:
        raise DataUnavailable(f"{path} has no words of two letters or more: give one text per line, or LDA-C") from None
    counts.sort_indices()
    ends = counts.indptr[1:-1]
    words = zip(np.split(counts.indices, ends), np.split(counts.data, ends), strict=True)
    documents = [numbers.repeat(times) for numbers, times in words if len(numbers)]
    vocabulary = counter.get_feature_names_out().tolist()
    return in_rows(documents, len(vocabulary)), len(vocabulary), vocabulary
