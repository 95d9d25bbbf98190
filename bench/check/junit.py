"""Verdicts as JUnit XML, which Jenkins, GitLab and GitHub's test reporters read."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from bench import escaping
from bench.check.coverage import JUDGED
from bench.check.verdicts import Line

_SUITE: Final = "bench check"


def as_junit(lines: Sequence[Line], missed: Sequence[str], strict: bool, seconds: float) -> str:
    """Return a test case per line, and one that fails for each demand on the run that was not met.

    JUnit knows no verdict but passed, failed and skipped: what is inconclusive is skipped, with the word in the
    message, so that it is not counted as passed; with `strict` it fails.

    Args:
        lines: of the whole run.
        missed: demands, as sentences.
        strict: whether what is inconclusive fails.
        seconds: that the run took.
    """
    suite = ET.Element("testsuite", name=_SUITE)
    for line in lines:
        case = _case(suite, line.estimator, line.subject, line.seconds)
        fails = line.negative or (strict and line.verdict == "inconclusive")
        if fails or line.verdict not in JUDGED:
            message = f"{line.verdict}: {line.detail}" if line.detail else line.verdict
            found = ET.SubElement(case, "failure" if fails else "skipped", message=escaping.line(message))
            if fails:
                found.set("type", line.verdict)
        elif line.detail:
            ET.SubElement(case, "system-out").text = escaping.line(f"{line.verdict}: {line.detail}")
    for place, sentence in enumerate(missed, 1):
        case = _case(suite, "coverage", f"demand {place}", 0.0)
        ET.SubElement(case, "failure", type="not covered", message=escaping.line(sentence))
    counts = {
        "tests": len(suite),
        "failures": len(suite.findall("testcase/failure")),
        "errors": 0,
        "skipped": len(suite.findall("testcase/skipped")),
    }
    for name, count in counts.items():
        suite.set(name, str(count))
    suite.set("time", f"{seconds:.3f}")
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False)


def _case(suite: ET.Element, estimator: str, subject: str, seconds: float) -> ET.Element:
    return ET.SubElement(
        suite,
        "testcase",
        classname=escaping.line(estimator),
        name=escaping.line(subject),
        time=f"{seconds:.3f}",
    )
