"""What was not judged is no pass, and is named."""

from xml.etree import ElementTree

import pytest

from bench.check.coverage import Demands, other_values, shortfalls
from bench.check.junit import as_junit
from bench.check.report import summary
from bench.check.run import Settings
from bench.check.verdicts import Line

PASS = Line("mine(scale=2)", "toy(dim=3)", "pass", (1,), 0.1)
OPEN = Line("mine(scale=2)", "hard", "inconclusive", (1,), 3.0)
MISFIT = Line("other", "toy(dim=3)", "not applicable", detail="it needs a bound")


@pytest.mark.parametrize(
    ("lines", "demands", "missed"),
    [
        ([PASS], Demands(), []),
        ([], Demands(), ["nothing was judged"]),
        ([], Demands(least=0), []),
        ([MISFIT], Demands(), ["nothing was judged: it needs a bound"]),
        ([OPEN], Demands(), ["nothing was judged: inconclusive"]),
        ([PASS, MISFIT], Demands(), []),
        ([PASS, MISFIT], Demands(estimators=["mine", "other"]), ["nothing was judged for other: it needs a bound"]),
        ([PASS, OPEN], Demands(tasks=["toy", "hard"]), ["nothing was judged on hard: inconclusive"]),
        ([PASS, OPEN], Demands(least=2), ["--require asks for 2 judged checks, found 1"]),
        ([PASS, OPEN], Demands(strict=True), ["--strict allows no inconclusive check, found 1: "]),
        ([PASS, OPEN], Demands(), []),
    ],
)
def test_demands(lines: list[Line], demands: Demands, missed: list[str]) -> None:
    found = shortfalls(lines, demands)
    assert len(found) == len(missed)
    assert all(sentence.startswith(start) for sentence, start in zip(found, missed, strict=True)), found


def test_values_that_nobody_looked_at_are_named() -> None:
    lines = [Line(name, "toy", "pass", (1,), 0.1) for name in ("reinforce-ema", "vimco", "vimco(mean=arithmetic)")]
    assert other_values(lines) == {"reinforce-ema": {"decay": "other than 0.9", "sampling": "antithetic or rqmc"}}
    assert other_values(lines[:2])["vimco"] == {"mean": "arithmetic"}
    told = " ".join(summary(lines[:2], Settings(), 1.0).split())
    assert "; vimco with mean = arithmetic." in told
    assert "Not checked: reinforce-ema with decay other than 0.9, sampling = antithetic or rqmc" in told
    unknown = Line("NoSuchName", "toy", "pass", (1,), 0.1)
    assert other_values([unknown]) == {}


def test_what_is_inconclusive_is_in_the_closing_sentences() -> None:
    told = " ".join(summary([PASS, OPEN], Settings(), 1.0).split())
    assert "1 inconclusive" in told
    assert "No conclusion on 1 check: mine(scale=2) on hard." in told
    assert "No conclusion" not in summary([PASS], Settings(), 1.0)


def test_junit_has_a_case_for_each_line_and_each_demand() -> None:
    wrong = Line("mine", "toy", "biased", (1,), detail="off by \x00 <2> & more")
    text = as_junit([PASS, OPEN, MISFIT, wrong], ["nothing was judged for other"], strict=False, seconds=1.5)
    (suite,) = ElementTree.fromstring(text)
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "errors": "0",
        "skipped": "2",
    }
    outcomes = {case.get("name"): [child.get("message") for child in case] for case in suite}
    assert outcomes["hard"] == ["inconclusive"]
    assert outcomes["toy"] == [r"biased: off by \x00 <2> & more"]
    (strict,) = ElementTree.fromstring(as_junit([PASS, OPEN], [], strict=True, seconds=1.0))
    assert (strict.get("failures"), strict.get("skipped")) == ("1", "0")
