"""Text from elsewhere stays text in every medium."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import escaping
from bench.results.latex import latex_table
from bench.results.render import Format, render

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "=x\n\\input{y}\x1b[31m\x9b2J\r| <b>*a*</b> [a](b) $\\frac$ %&#_~^\u202e…"
SPECIAL = st.sampled_from("\\{}$&#^_%~[*|<>`=+-@\n\r\t\x1b\x9b")
ANY = st.text(st.characters() | SPECIAL, max_size=40)
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


@given(ANY)
def test_a_terminal_is_sent_nothing_that_it_obeys(text: str) -> None:
    shown = escaping.line(text)
    assert shown.isprintable() or not OBEYED.search(shown)
    assert "\n" not in shown
    assert not OBEYED.search(escaping.terminal(text).replace("\t", ""))


@given(ANY)
def test_latex_has_no_command_that_is_not_ours(text: str) -> None:
    ours = re.compile(
        r"\\textbackslash\{\}|\\textascii(?:tilde|circum)\{\}|\\textbar\{\}|\\'e|\\[&%$#_{}]|\$[^$]*\$|--|``|''"
    )
    left = ours.sub("", escaping.latex(text))
    assert not set(left) & set("\\{}$&#^_%~\n\r")
    assert escaping.latex_comment(text).splitlines() == [escaping.latex_comment(text)]


@given(ANY)
def test_markdown_stays_in_its_cell_and_says_what_the_text_says(text: str) -> None:
    cell_of = escaping.markdown(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*<>]", re.sub(r"\\.", "", cell_of))
    assert "](" not in cell_of
    assert len(cell_of.splitlines()) <= 1


@given(st.text(st.characters(codec="utf-8") | SPECIAL), st.floats(allow_nan=False))
def test_csv_has_text_that_no_spreadsheet_computes_and_numbers_as_they_are(text: str, number: float) -> None:
    frame = pd.DataFrame({"text": [text], "number": [number]})
    _, (written, value) = csv.reader(io.StringIO(escaping.as_csv(frame), newline=""))
    assert float(value) == number
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert written.removeprefix("'") == escaping.terminal(text).removeprefix("'")


@given(ANY | st.sampled_from(["..", ".", "", "../..", "/etc", "a\\b", "...."]))
def test_no_name_of_a_file_leaves_its_folder(text: str) -> None:
    name = escaping.file_name(text)
    assert name
    assert (Path("/out") / name).parent == Path("/out")
    assert (Path("/out") / name / "x").resolve().is_relative_to(Path("/out") / name)


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_a_table_has_as_many_lines_as_with_plain_names(form: Format) -> None:
    of = [
        render(name, [name, "value"], [[name, "1"], ["b", "2"]], form).replace("\\resizebox", "").count("\n")
        for name in ("plain", HOSTILE)
    ]
    assert of[0] == of[1]


def test_a_row_of_latex_does_not_begin_with_what_a_line_break_takes() -> None:
    lines = latex_table(["name"], [["*starred"], ["[bracket]"]]).splitlines()
    assert [line for line in lines if "starred" in line or "bracket" in line] == [r"{*starred} \\", r"{[bracket]} \\"]


def test_a_huge_power_is_no_number() -> None:
    assert "9" * 5000 in latex_table(["name"], [["1e" + "9" * 5000]])


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX")
def test_latex_sets_hostile_names(tmp_path: Path) -> None:
    body = latex_table([HOSTILE], [[HOSTILE.replace("\u202e", "")]], [HOSTILE], HOSTILE)
    preamble = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
    (tmp_path / "a.tex").write_text(f"{preamble}{body}\\end{{document}}", encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=batchmode", "a.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_all_that_is_printed_goes_through_here() -> None:
    printing = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "bench").rglob("*.py")
        if re.search(r"click\.(secho|echo)\(|^\s*print\(|\.to_csv\(None|\.to_csv\(index", path.read_text("utf-8"), re.M)
    ]
    assert sorted(printing) == ["bench/escaping.py", "bench/figures/save.py"]
