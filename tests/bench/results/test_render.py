import math

import pytest

from bench.results.render import render
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
