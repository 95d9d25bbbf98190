import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from bench.check.processes import can_fork
from bench.cli import cli, main
from bench.results.checks import KEYS, LINE


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments], catch_exceptions=False)


def test_right_estimator_passes():
    result = check("reparam", "--task", "gaussian-quadratic")
    assert result.exit_code == 0
    header, name, line, *_ = result.stdout.splitlines()
    assert header.split()[:2] == ["task", "or"]
    assert name == "reparam"
    assert line.split()[:3] == ["gaussian-quadratic", "1,3", "pass"]
    assert "99% power" in result.stdout
    assert "next: `bench run" in result.stderr


def test_bug_leaves_with_one():
    result = check("tests.museum.score_function:WrongSign", "--task", "gaussian-quadratic")
    assert result.exit_code == 1
    assert "biased" in result.stdout
    assert ", not " in result.stdout


def test_broken_promise_leaves_with_one():
    assert check("tests.museum.protocol:EvaluatesTwice", "--task", "gaussian-quadratic").exit_code == 1


def test_declared_bias_is_shown_and_no_failure():
    result = check("naive-mc", "--task", "linear-gaussian")
    assert result.exit_code == 0
    assert "biased, as declared" in result.stdout


def test_declared_bias_that_is_none_is_not_confirmed():
    result = check("tests.bench.check.samples:Modest", "--task", "gaussian-quadratic")
    assert result.exit_code == 0
    assert "not confirmed" in result.stdout


def test_misfit_says_why():
    result = check("stl", "--task", "bernoulli-quadratic", "--task", "vae-mnist")
    assert result.exit_code == 1
    assert "not applicable" in result.stdout
    assert "is a cost f(z)" in " ".join(result.stdout.split())
    assert "fails: nothing was judged" in result.stderr
    assert check("stl", "--task", "bernoulli-quadratic", "--require", "0").exit_code == 0


@pytest.mark.skipif(not can_fork(), reason="checks run side by side on Linux, without a GPU")
def test_side_by_side_finds_the_same():
    """Draws depend on the seed and the names, not on the process; so do verdicts, where time does not end a test."""
    names = ("reparam", "tests.museum.score_function:WrongSign")
    asked = (*names, "--task", "gaussian-quadratic", "--task", "bernoulli-quadratic", "--tolerance", "0.5")
    one, two = (check(*asked, "--jobs", jobs) for jobs in ("1", "2"))
    assert one.exit_code == two.exit_code == 1
    without_seconds = [[re.sub(r" +\d+(\.\d)? s\b", "", line) for line in r.stdout.splitlines()] for r in (one, two)]
    assert without_seconds[0] == without_seconds[1]


HASTE = ("reinforce", "--task", "bernoulli-quadratic", "--tolerance", "0.001", "--budget", "0.5")


def test_too_little_time_is_inconclusive_and_no_pass():
    result = check(*HASTE)
    assert result.exit_code == 1
    assert "No conclusion on 2 checks: reinforce on bernoulli-quadratic(dim=3)" in " ".join(result.stdout.split())
    assert "nothing was judged on bernoulli-quadratic: inconclusive" in " ".join(result.stderr.split())
    assert "--budget" in result.stderr
    assert check(*HASTE, "--require", "0").exit_code == 0
    assert check(*HASTE, "--require", "0", "--strict").exit_code == 1


def test_verdicts_are_kept_beside_results_and_told_to_ci(tmp_path: Path):
    asked = ("reparam", "stl", "--task", "gaussian-quadratic", "--tolerance", "0.5", "--out", str(tmp_path / "R"))
    result = check(*asked, "--format", "junit")
    assert result.exit_code == 1
    (suite,) = ElementTree.fromstring(result.stdout)
    failures = [(case.get("classname"), found.get("message")) for case in suite for found in case.findall("failure")]
    assert [name for name, _ in failures] == ["coverage"]
    assert "nothing was judged for stl" in str(failures[0][1])
    kept = json.loads((tmp_path / "R" / "check.json").read_text())
    assert set(kept) == set(KEYS)
    assert {key for line in kept["lines"] for key in line} == set(LINE)
    assert kept["judged"] == sum(line["verdict"] == "pass" for line in kept["lines"]) > 3
    assert len(kept["missed"]) == 1
    assert not list((tmp_path / "R").glob("*.tmp"))


def test_at_least_so_many_checks_are_judged():
    asked = ("reparam(sampling=iid)", "--task", "gaussian-quadratic", "--tolerance", "0.5")
    enough, more = check(*asked, "--require", "4"), check(*asked, "--require", "5")
    assert (enough.exit_code, more.exit_code) == (0, 1)
    assert "--require asks for 5 judged checks, found 4" in " ".join(more.stderr.split())
    assert "Not checked: reparam with " in enough.stdout


def test_an_estimator_that_breaks_is_its_own_violation():
    result = check("tests.bench.check.samples:Raises", "--task", "gaussian-quadratic")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stdout


def test_the_same_seed_gives_the_same_verdicts():
    first, second = (check("reinforce", "--task", "gaussian-cosine", "--seed", "3").stdout for _ in range(2))
    assert [line.split()[:7] for line in first.splitlines()[:2]] == [
        line.split()[:7] for line in second.splitlines()[:2]
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "nonsense"),
        (["reparam", "--task", "nonsense"], "nonsense"),
        (["reparam", "--tolerance", "nan"], "nan is not a finite number"),
        (["reparam", "--budget", "inf"], "inf is not a finite number"),
        (["reparam", "--seed", str(2**63)], "too large"),
        (["tests.bench.names.test_protocols:Nothing"], "is not a subclass of Estimator"),
        (["tests.bench.names.test_protocols:NoEstimate"], "does not define estimate"),
        (["reparam", "--task", "tests.bench.names.test_protocols:NoLoad"], "does not define load"),
        (["reparam", "--task", "tests.bench.names.test_protocols:NoGuide"], "has no guide and no model"),
        (["reparam", "--task", "gaussian-quadratic(dim=0)"], "dim must be at least 1; it is 0"),
    ],
)
def test_what_is_named_and_cannot_be_is_a_usage_error(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        main(["check", *arguments])
    printed = capsys.readouterr().err
    assert left.value.code == 2
    assert words in printed
    assert "Traceback" not in printed
