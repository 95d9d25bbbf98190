"""A corpus of the user's own, as counts or as texts."""

from pathlib import Path

import pytest
import torch

from tasks.data import DataUnavailable
from tasks.data.own_corpus import load
from tasks.latent_variables.lda import LDA


def written(tmp_path: Path, content: str) -> str:
    (tmp_path / "mine.txt").write_bytes(content.encode())
    return str(tmp_path / "mine.txt")


TEXTS = "".join(f"The bias of a{i % 3}; bias\n" for i in range(20))


def test_a_line_is_a_text(tmp_path: Path) -> None:
    found = load(written(tmp_path, TEXTS))
    assert found.vocabulary == ["a0", "a1", "a2", "bias", "of", "the"]
    assert (found.terms, found.length) == (6, 5)
    assert (len(found.documents.train), len(found.documents.test)) == (18, 2)
    rows = torch.cat([found.documents.train, found.documents.test]).tolist()
    assert sorted(rows) == sorted([i % 3, 3, 3, 4, 5] for i in range(20))


@pytest.mark.parametrize(
    "content", [TEXTS.replace("\n", "\r\n"), "\ufeff" + TEXTS, "\n" + TEXTS.replace("\n", "\n \n")]
)
def test_line_ends_marks_and_empty_lines_say_nothing(tmp_path: Path, content: str) -> None:
    expected = load(written(tmp_path, TEXTS))
    found = load(written(tmp_path, content))
    assert torch.equal(found.documents.train, expected.documents.train)
    assert found.documents.name != expected.documents.name


def test_counts_of_words(tmp_path: Path) -> None:
    found = load(written(tmp_path, "2 40000:1 0:2\n1 3:1\n" * 5))
    assert (found.terms, found.vocabulary) == (40001, None)
    rows = torch.cat([found.documents.train, found.documents.test]).tolist()
    assert sorted(rows) == [[0, 0, 40000]] * 5 + [[3, -1, -1]] * 5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("2 0:1 1:1\n3 0:1\n", "LDA-C, .* but line 2 announces 3 words but has 1"),
        ("1 0:1\nhello\n", "LDA-C, .* but line 2 is not"),
        ("1 0:1\n\n1 0:1\n", "LDA-C, .* but line 2 is not"),
        (f"1 0:1\n1 {10**30}:1\n", "number words from 0"),
        ("1 0:1\n1 0:2\n", "holds only one word"),
        ("only one line\n", "holds one document"),
        ("! ?\n1\n", "no words of two letters"),
        ("\n \n", "no words of two letters"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: str, why: str) -> None:
    with pytest.raises(DataUnavailable, match=why):
        load(written(tmp_path, content))


def test_its_words_are_those_of_the_topics(tmp_path: Path) -> None:
    task = LDA(topics=2, hidden=3, corpus=written(tmp_path, TEXTS))
    assert {word for topic in task.topics() for word in topic} == {"a0", "a1", "a2", "bias", "of", "the"}
    assert not task.is_generated
    with pytest.raises(ValueError, match="corpus is a file that replaces data=ap"):
        LDA(data="ap", corpus="mine.txt")
