"""Text in terminals of any width: nothing is cut, and no line is folded by the terminal."""

import doctest
import re

import pytest

from bench.cli import output
from bench.results import order, text
from bench.results.text import terminal_width, text_table, wrapped

HEADERS = ["estimator", "group", "relative bias", "verdict", "variance (nats²/param²)", "SNR", "evaluations"]
LINES = [
    ["reinforce K=1", "guide φ", "0.032 [0.009, 0.061]", "no bias seen", "2.41e7 ±2%", "0.037 [0, 0.068]", "1"],
    ["", "model θ", "0.048 [0, 0.066]", "biased, as declared", "236 ±1.9%", "0.828 [0.814, 0.841]", ""],
    ["reparam K=10", "guide φ", "−2.75 [−3.0e−5, 1.2]", "no bias seen", "41.3 ±5%", "1.1 [1.0, 1.2]", "10"],
]


@pytest.mark.parametrize("module", [order, output, text])
def test_examples_do_what_they_say(module: object) -> None:
    failed, tried = doctest.testmod(module)  # pyright: ignore[reportArgumentType]
    assert tried
    assert not failed


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 140, 200])
def test_every_number_and_head_is_whole_at_every_width(width: int) -> None:
    shown = text_table("vae-mnist · gradient at step 2000 · mean over 3 seeds", HEADERS, LINES, width=width)
    words = [*HEADERS[1:], *(word for line in LINES for word in line)]
    for word in words:
        for part in word.split(" "):
            assert part in re.split(r"\s+", shown) or not part
    assert max(map(len, shown.splitlines())) <= max(width, 26)  # the longest head, indented
    if width >= 40:
        assert all(word in shown for word in words)


def test_a_table_that_fits_is_aligned_and_its_numbers_at_their_right() -> None:
    lines = [["reinforce", "1", "0.5 ± 0.1"], ["reparam", "10", "–"]]
    assert text_table("a title", ["estimator", "K", "SNR"], lines, width=80).splitlines() == [
        "a title",
        "estimator   K  SNR",
        "reinforce   1  0.5 ± 0.1",
        "reparam    10  –",
    ]


def test_lines_of_one_estimator_stand_side_by_side_in_its_block() -> None:
    lines = text_table("", HEADERS, LINES, width=80).splitlines()
    assert lines[:4] == [
        "reinforce K=1",
        "  group                    guide φ               model θ",
        "  relative bias            0.032 [0.009, 0.061]  0.048 [0, 0.066]",
        "  verdict                  no bias seen          biased, as declared",
    ]
    assert lines[7:9] == ["", "reparam K=10"]


def test_as_many_as_fit_stand_side_by_side() -> None:
    blocks = text_table("", HEADERS, LINES, width=60).split("\n\n")
    assert [block.splitlines()[:2] for block in blocks] == [
        ["reinforce K=1", "  group                    guide φ"],
        ["reinforce K=1", "  group                    model θ"],
        ["reparam K=10", "  group                    guide φ"],
    ]
    lines = [["an estimator with a long name", str(samples), f"{samples}.0 ± 0.1"] for samples in (1, 2, 10, 50, 100)]
    blocks = text_table("", ["estimator", "K", "variance (nats²/param²)"], lines, width=55).split("\n\n")
    assert [block.splitlines()[1].split() for block in blocks] == [["K", "1", "2"], ["K", "10", "50"], ["K", "100"]]


def test_a_long_value_goes_on_below_itself() -> None:
    lines = [["a", "failed", "ValueError: a sentence that has more words than a line has room for"]]
    headers = ["cell", "state", "detail", "a long name without a value"]
    lines = [[*line, ""] for line in lines]
    assert text_table("", headers, lines, width=40).splitlines() == [
        "a",
        "  state   failed",
        "  detail  ValueError: a sentence that",
        "          has more words than a line has",
        "          room for",
    ]


def test_sentences_are_broken_at_their_dots_or_at_spaces() -> None:
    assert wrapped("one · two", 40) == "one · two"
    assert wrapped("no bias seen (one of 0.062 would have been) · model θ biased", 20).splitlines() == [
        "no bias seen (one of",
        "  0.062 would have",
        "  been) ·",
        "  model θ biased",
    ]


def test_the_width_is_the_terminals_and_80_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "133")
    assert terminal_width() == 133
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("sys.__stdout__", None)
    assert terminal_width() == 80


def test_a_block_of_a_number_says_which() -> None:
    shown = text_table("", ["|B|", "part", "variance"], [["16", "z", "1" * 30]], keys=2, width=30)
    assert shown.splitlines()[0] == "|B| = 16  z"
