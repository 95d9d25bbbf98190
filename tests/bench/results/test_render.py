import math
import re

import pytest

from bench.results.latex import latex_table
from bench.results.metrics import FINAL_VALUES, METRICS
from bench.results.render import BEST, Block, render, render_blocks, render_captioned
from bench.results.words import Estimate

HEADERS = ["estimator", "variance (nats²/param²)"]
LINES = [["reinforce_loo & co", "[5%, 10%] | 50 #1"], ["reparam", "1"]]


def test_text_is_aligned() -> None:
    assert render("title", HEADERS, LINES, "text").splitlines() == [
        "title",
        "estimator           variance (nats²/param²)",
        "reinforce_loo & co  [5%, 10%] | 50 #1",
        "reparam             1",
    ]


def test_markdown_escapes_bars() -> None:
    assert render("", HEADERS, LINES, "markdown").splitlines() == [
        "| estimator | variance (nats²/param²) |",
        "| --- | --- |",
        "| reinforce_loo & co | [5%, 10%] \\| 50 #1 |",
        "| reparam | 1 |",
    ]


def test_latex_uses_booktabs_and_escapes() -> None:
    assert render("a title", HEADERS, LINES, "latex").splitlines() == [
        r"% a title",
        r"% needs \usepackage{booktabs,graphicx}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{ll}",
        r"\toprule",
        r"estimator & variance (nats$^2$/param$^2$) \\",
        r"\midrule",
        r"reinforce\_loo \& co & {[5\%, 10\%] \textbar{} 50 \#1} \\",
        r"reparam & 1 \\",
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def test_a_table_without_lines_has_its_headers() -> None:
    assert render("", ["a", "b"], [], "text") == "a  b"


@pytest.mark.parametrize(
    ("estimate", "plain", "siunitx"),
    [
        (Estimate(1.2345, 0.0321), "1.234 ± 0.032", r"1.234 \pm 0.032"),
        (Estimate(-173.0, 1.26, best=True), "−173.0 ± 1.3", r"\bfseries -173.0 \pm 1.3"),
        (Estimate(3888.0, 121.0), "3890 ± 120", r"3.89 \pm 0.12 e3"),
        (Estimate(24_700.0, 5400.0), "24700 ± 5400", r"2.47 \pm 0.54 e4"),
        (Estimate(432_100.0, 3210.0), "(4.321 ± 0.032)e5", r"4.321 \pm 0.032 e5"),
        (Estimate(2.11e-5, 1.5e-6), "(2.11 ± 0.15)e−5", r"2.11 \pm 0.15 e-5"),
        (Estimate(1.23456, math.nan), "1.235", "1.235"),
        (Estimate(0.0, 0.02), "0.000 ± 0.020", r"0.000 \pm 0.020"),
        (Estimate(0.0, 0.0), "0", "0"),
        (Estimate(math.nan, math.nan), "nan", "{nan}"),
    ],
)
def test_estimates_are_rounded_to_their_error(estimate: Estimate, plain: str, siunitx: str) -> None:
    assert estimate.plain() == plain
    assert estimate.siunitx() == siunitx


def test_estimates_are_aligned_and_the_best_is_bold() -> None:
    lines = [["a", Estimate(-173.0, 1.26, best=True)], ["b", Estimate(-9.5, 0.1)], ["c", "–"]]
    latex = render("a title", ["estimator", "test ELBO"], lines, "latex").splitlines()
    assert latex[1:3] == [
        r"% needs \usepackage{booktabs,graphicx,siunitx}",
        r"% and \sisetup{separate-uncertainty, detect-weight, mode=text, group-digits=false}",
    ]
    # The errors' first digit is before the point, and their last one two places behind it.
    assert latex[4] == r"\begin{tabular}{lS[table-format=-3.2(3)]}"
    assert latex[6] == r"estimator & {test ELBO} \\"
    assert latex[8:11] == [r"a & \bfseries -173.0 \pm 1.3 \\", r"b & -9.50 \pm 0.10 \\", r"c & {--} \\"]
    assert render("", ["", "x"], lines, "markdown").splitlines()[2] == "| a | **−173.0 ± 1.3** |"
    assert render("", ["", "x"], lines, "text").splitlines()[1] == "a  −173.0 ± 1.3 *"


def _tabulars(latex: str) -> list[tuple[str, list[str]]]:
    """Return the columns of each tabular, and its lines."""
    found = re.findall(r"\\begin\{tabular\}\{([^\n]*)\}\n(.*?)\\end\{tabular\}\}", latex, re.DOTALL)
    return [(columns, [line for line in body.splitlines() if line.endswith("\\\\")]) for columns, body in found]


def test_what_a_page_is_too_narrow_for_stands_in_parts_with_the_names_of_its_lines() -> None:
    headers = ["estimator", "K", *(f"a metric with a long name, no. {n}" for n in range(7))]
    lines = [[name, k, *(f"{n}" for n in range(7))] for name in ("reinforce", "reparam") for k in ("1", "10")]
    parts = _tabulars(latex_table(headers, lines))
    assert len(parts) == 4
    for columns, rows in parts:
        cells = [row.removesuffix(r" \\").split(" & ") for row in rows]
        assert {len(row) for row in cells} == {len(columns)}
        assert [row[:2] for row in cells[1:]] == [line[:2] for line in lines]
        assert sum(map(len, cells[0])) <= 110
    assert [head for _, rows in parts for head in rows[0].removesuffix(r" \\").split(" & ")[2:]] == headers[2:]


def test_latex_is_ascii_and_has_no_bare_command_characters() -> None:
    """Of every metric's head and unit, and of numbers with powers of ten."""
    heads = [metric.head(metric.unit) for metric in [*METRICS.values(), *FINAL_VALUES.values()]]
    lines = [[*heads], ["1.2e−33 [0, 2e5] 7.3e+03"] * len(heads)]
    latex = latex_table(heads, lines, caption="mean ± standard error · φ, θ_1 & 5% of {all} #1 ~ ^ $ \\ †")
    assert latex.isascii()
    assert r"$1.2\cdot10^{-33}$ [0, $2\cdot10^{5}$] $7.3\cdot10^{3}$" in latex
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    [caption] = re.findall(r"\\caption\{(.*)\}\n", latex)
    assert re.sub(r"\\[&%$#_{}]|\$[^$]*\$|\\text\w+\{\}", "", caption).count("$") == 0


def test_the_room_for_errors_is_that_of_the_widest() -> None:
    """Three places behind the point, and 13 before it: five digits, or siunitx lets it run over."""
    lines = [["a", Estimate(1.234, 0.012)], ["b", Estimate(831.0, 13.0)]]
    [(columns, _)] = _tabulars(latex_table(["", "x"], lines))
    assert columns == "lS[table-format=3.3(5)]"


def test_what_all_tables_note_is_said_once_and_the_best_is_marked_as_the_format_marks_it() -> None:
    lines = [["a", Estimate(1.0, 0.1, best=True)]]
    notes = ["one seed", f"{BEST}: best"]
    blocks = [Block("first", ["", "x"], lines, notes=notes), Block("second", ["", "x"], lines, notes=["other", *notes])]
    assert render_blocks(blocks, "text").splitlines()[-2:] == ["one seed", "*: best"]
    markdown = render_blocks(blocks, "markdown")
    assert markdown.endswith("Other.\n\nOne seed. Bold: best.")
    assert r"\caption{Second. Other. One seed. Bold: best.}" in render_captioned(blocks, "latex")
    assert render_captioned(blocks, "markdown").startswith("First. One seed. Bold: best.\n\n| ")
