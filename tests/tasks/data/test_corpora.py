import hashlib
from pathlib import Path

import pytest
import torch

from tasks.data import DataUnavailable, corpora
from tasks.data.catalogue import DATASETS, Dataset, File

DOCUMENTS = "".join(f"2 {number % 3}:1 3:2\n" for number in range(20))
WORDS = "nought\none\ntwo\nthree\n"


@pytest.fixture
def small_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make twenty documents of four words the AP corpus, checksums included."""
    files = []
    (tmp_path / "corpora" / "ap").mkdir(parents=True)
    for name, content in (("ap.dat", DOCUMENTS), ("vocab.txt", WORDS)):
        path = f"corpora/ap/{name}"
        (tmp_path / path).write_text(content)
        files.append(File(path, hashlib.sha256(content.encode()).hexdigest(), len(content)))
    monkeypatch.setitem(DATASETS, "corpora", Dataset("", "", tuple(files), published=False))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    return tmp_path


def test_counts_become_words():
    rows = corpora.parse_lda_c("3 4:1 0:2 2:1\n1 3:2\n0\n", 5)
    assert rows.tolist() == [[0, 0, 2, 4], [3, 3, -1, -1], [-1, -1, -1, -1]]
    assert rows.dtype == torch.int16


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it holds no documents"),
        ("1 0:1\nhello\n", "line 2 is not"),
        ("1 0:1:2\n", "line 1 is not"),
        ("2 0:1\n", "line 1 announces 2 words but has 1"),
        ("1 5:1\n", "not one of 5"),
        ("1 0:0\n", "a count below one"),
    ],
)
def test_something_else_is_refused(content: str, message: str):
    with pytest.raises(ValueError, match=message):
        corpora.parse_lda_c(content, 5)


def test_every_tenth_document_is_tested(small_corpus: Path):
    found = corpora.load("ap")
    assert (found.train.shape, found.test.shape) == ((18, 3), (2, 3))
    everything = torch.cat([found.train, found.test]).tolist()
    assert sorted(everything) == sorted([[number % 3, 3, 3] for number in range(20)])
    assert found.name == "ap-18"
    assert torch.equal(found.test, corpora.load("ap").test)


def test_words(small_corpus: Path):
    assert corpora.vocabulary("ap") == ["nought", "one", "two", "three"]
    (small_corpus / "corpora" / "ap" / "vocab.txt").unlink()
    assert corpora.vocabulary("ap") is None


def test_damage_is_reported(small_corpus: Path):
    (small_corpus / "corpora" / "ap" / "ap.dat").write_text("1 0:1\n")
    (small_corpus / "corpora" / "ap" / "vocab.txt").write_text("nothing\n")
    with pytest.raises(DataUnavailable, match="corrupt"):
        corpora.load("ap")
    with pytest.raises(DataUnavailable, match="corrupt"):
        corpora.vocabulary("ap")


def test_a_file_of_another_form_is_reported(small_corpus: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpora, "read", lambda name, filename: b"hello")
    with pytest.raises(DataUnavailable, match=r"ap/ap.dat cannot be read: line 1 is not"):
        corpora.load("ap")


@pytest.mark.parametrize("corpus", ["ap", "reuters"])
def test_the_real_ones_are_as_they_are_said_to_be(corpus: corpora.Corpus, real_data: Path):
    source, found, words = corpora.SOURCES[corpus], corpora.load(corpus), corpora.vocabulary(corpus)
    assert words is not None
    assert len(words) == source.terms
    rows = torch.cat([found.train, found.test])
    assert int(rows.max()) == source.terms - 1
    assert round(float((rows >= 0).sum(1).double().mean())) == source.length
