from bench.results.render import render

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
        r"% a title; needs \usepackage{booktabs}",
        r"\begin{tabular}{ll}",
        r"\toprule",
        r"estimator & variance (nats$^2$/param$^2$) \\",
        r"\midrule",
        r"reinforce\_loo \& co & {[5\%, 10\%] | 50 \#1} \\",
        r"reparam & 1 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_a_table_without_lines_has_its_headers() -> None:
    assert render("", ["a", "b"], [], "text") == "a  b"
