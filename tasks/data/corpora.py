"""Documents as counts of words (LDA-C): Associated Press (Blei, Ng & Jordan 2003) and Reuters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from tasks.data import DataUnavailable
from tasks.data.cache import read, verify

Corpus = Literal["ap", "reuters"]

_DATASET: Final = "corpora"
_TEST_SHARE: Final = 10
_SEED: Final = 0


@dataclass(frozen=True)
class Source:
    """A corpus in the cache folder.

    Attributes:
        folder: within the dataset's.
        counts: the file of the documents.
        vocabulary: the file of the words, one per line in the order of their numbers.
        title: for people.
        terms: the number of words in the vocabulary.
        length: words in a document, on average.
    """

    folder: str
    counts: str
    vocabulary: str
    title: str
    terms: int
    length: int


SOURCES: Final[dict[Corpus, Source]] = {
    "ap": Source("ap", "ap.dat", "vocab.txt", "Associated Press", 10_473, 194),
    "reuters": Source("reuters395", "reuters.ldac", "reuters.tokens", "Reuters", 4_258, 213),
}


@dataclass(frozen=True)
class Documents:
    """Documents as rows of word numbers in ascending order, filled up with −1.

    Attributes:
        train: [N, L] int16, or int32 where words are more than that holds.
        test: [N_test, L], every tenth document of a fixed permutation.
        name: of the corpus with its number of training documents; part of a result's identity.
        note: one line for people.
    """

    train: Tensor
    test: Tensor
    name: str
    note: str


def load(corpus: Corpus) -> Documents:
    """Return the documents of a corpus.

    Raises:
        DataUnavailable: the dataset is not in the cache folder, or its file is corrupt.
    """
    source = SOURCES[corpus]
    content = read(_DATASET, source.counts)
    try:
        rows = parse_lda_c(content.decode(), source.terms)
    except ValueError as error:
        raise DataUnavailable(f"{source.folder}/{source.counts} cannot be read: {error}") from error
    train, test = split(rows)
    note = f"{len(train)} documents of {source.title}, {source.terms} words"
    return Documents(train, test, f"{corpus}-{len(train)}", note)


def split(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the documents to train on, and every tenth of a fixed permutation, to test."""
    shuffled = rows[torch.from_numpy(np.random.default_rng(_SEED).permutation(len(rows)))]
    chosen = torch.arange(len(rows)) % _TEST_SHARE == 0
    return shuffled[~chosen], shuffled[chosen]


def vocabulary(corpus: Corpus) -> list[str] | None:
    """Return the words of a corpus in the order of their numbers; None where that file is not in the cache folder.

    Raises:
        DataUnavailable: the file is corrupt.
    """
    source = SOURCES[corpus]
    if verify(_DATASET)[f"{_DATASET}/{source.folder}/{source.vocabulary}"] == "missing":
        return None
    return read(_DATASET, source.vocabulary).decode().split()


def parse_lda_c(content: str, terms: int) -> Tensor:
    """Return documents, one per line as `count word:times word:times …`, as rows of word numbers: see `in_rows`.

    Raises:
        ValueError: a line is not of that form, or a word's number is not below `terms`.
    """
    documents = [_document(number, line, terms) for number, line in enumerate(content.splitlines(), 1)]
    if not documents:
        raise ValueError("it holds no documents")
    return in_rows(documents, terms)


def in_rows(documents: Sequence[np.ndarray], terms: int) -> Tensor:
    """Return documents of word numbers below `terms` as rows [N, L], filled up with −1; int16 where that holds them."""
    dtype = np.int16 if terms <= 1 << 15 else np.int32
    rows = np.full((len(documents), max(map(len, documents))), -1, dtype)
    for row, words in zip(rows, documents, strict=True):
        row[: len(words)] = words
    return torch.from_numpy(rows)


def _document(number: int, line: str, terms: int) -> np.ndarray:
    count, *pairs = line.split() or [""]
    try:
        words, times = np.array([pair.split(":") for pair in pairs], np.int64).reshape(-1, 2).T
        matches = int(count) == len(pairs)
    except (ValueError, OverflowError):
        raise ValueError(f"line {number} is not `count word:times …`") from None
    if not matches:
        raise ValueError(f"line {number} announces {count} words but has {len(pairs)}")
    if ((words < 0) | (words >= terms) | (times < 1)).any():
        raise ValueError(f"line {number} has a word that is not one of {terms}, or a count below one")
    return np.sort(words.repeat(times))
