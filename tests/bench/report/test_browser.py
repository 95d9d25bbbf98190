"""A report in a browser: what a reader does with it, and what it must never do."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from bench.report.page import write_report
from bench.results.tables import Results
from tests.bench.report.conftest import HOSTILE, Opened, hostile, opened

CONTRASTS = """() => {
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const parts = (text) => text.match(/[\\d.]+/g).map(Number);
    const ground = (one) => {
        for (; one; one = one.parentElement) {
            const found = parts(getComputedStyle(one).backgroundColor);
            if (found.length === 3 || found[3] > 0) return found;
        }
    };
    const low = [];
    for (const one of document.querySelectorAll("body *")) {
        const says = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!says || !one.checkVisibility() || one.closest("svg, .swatch")) continue;
        const [a, b] = [light(parts(getComputedStyle(one).color)), light(ground(one))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) low.push(`${one.tagName} ${one.textContent.slice(0, 20)}: ${contrast.toFixed(2)}`);
    }
    return low;
}"""


@pytest.fixture(scope="module")
def report(browser: Browser, written: Path) -> Iterator[Opened]:
    one = opened(browser, written)
    yield one
    one.page.close()


@pytest.fixture
def page(report: Opened) -> Page:
    """Return the report as it was when it was opened."""
    report.page.reload()
    report.page.wait_for_selector("html[data-drawn=all]", timeout=60_000)
    return report.page


def of(page: Page, kind: str) -> Locator:
    """Return the first figure of a kind."""
    return page.locator(f".chart[id$={kind}]").first


def first_table(page: Page) -> Locator:
    return page.locator("table", has=page.locator("caption", has_text="gradient of guide")).first


def column(table: Locator, number: int) -> list[str]:
    return table.locator(f"tbody tr:visible > :nth-child({number})").all_inner_texts()


def test_every_figure_is_drawn_and_the_browser_has_nothing_to_complain_of(report: Opened) -> None:
    figures = report.page.locator(".chart")
    assert figures.count() == 5
    assert report.page.locator(".chart .plot svg").count() == figures.count()
    assert report.complaints == []


def test_tables_are_sorted_by_numbers_with_the_mouse_and_with_keys(page: Page) -> None:
    table = first_table(page)
    head = table.locator("thead th", has_text="variance")
    number = 1 + table.locator("thead th").all_inner_texts().index(head.inner_text())
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").click()
    values = [float(text.split(" ")[0]) for text in column(table, number)]
    assert values == sorted(values)
    assert len(set(values)) > 3
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert [float(text.split(" ")[0]) for text in column(table, number)] == sorted(values, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    assert table.locator("[aria-sort=descending]").count() == 1


def test_tables_are_filtered_by_words(page: Page) -> None:
    box = page.locator(".table").filter(has=page.locator("caption", has_text="gradient of guide")).first
    table = box.locator("table")
    everything = table.locator("tbody tr:visible").count()
    box.locator("input[type=search]").fill("REINFORCE-loo")
    assert {text.split(" ")[0] for text in column(table, 1)} == {"reinforce-loo"}
    assert box.locator("output").inner_text() == f"2 of {everything} lines"
    box.locator("input[type=search]").fill("")
    assert table.locator("tbody tr:visible").count() == everything
    assert box.locator("output").inner_text() == ""


def test_a_figure_shows_the_metric_the_group_and_the_estimators_that_are_chosen(page: Page) -> None:
    figure = of(page, "training")
    figure.locator("summary").click()
    assert "gradient variance" in (figure.locator("svg").text_content() or "")
    values = column(figure.locator("table"), 3)
    figure.get_by_label("Parameters").select_option("model")
    assert column(figure.locator("table"), 3) != values
    figure.get_by_label("Metric").select_option("snr")
    page.wait_for_function("document.querySelector('.chart[id$=training] svg').textContent.includes('SNR')")
    before = set(column(figure.locator("table"), 1))
    figure.locator("fieldset label", has_text="reparam").locator("input").uncheck()
    assert before - set(column(figure.locator("table"), 1)) == {"reparam"}
    figure.get_by_role("button", name="none").click()
    assert "no estimator is chosen" in figure.locator(".plot").inner_text()


def test_an_axis_is_logarithmic_or_linear_as_its_reader_likes(page: Page) -> None:
    figure = of(page, "training")
    axis = figure.locator("svg .role-axis").last
    box = figure.get_by_label("logarithmic y")
    before, was = axis.text_content(), box.is_checked()
    box.set_checked(not was)
    page.wait_for_timeout(300)
    assert axis.text_content() != before
    box.set_checked(was)
    page.wait_for_timeout(300)
    assert axis.text_content() == before


@pytest.mark.parametrize("kind", ["training", "frontier", "final"])
def test_the_mouse_is_told_a_value_with_its_interval(page: Page, kind: str) -> None:
    point = of(page, kind).locator("svg .mark-symbol.role-mark").last.locator("path").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    told = page.locator("#vg-tooltip-element.visible")
    told.wait_for(timeout=3000)
    text = told.inner_text()
    assert "[" in text
    assert "rein" in text or "reparam" in text


@pytest.mark.parametrize("width", [1400, 400])
def test_no_page_is_wider_than_its_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("Math.max(...[...document.querySelectorAll('svg')].map((one) => one.clientWidth))") <= width
    page.set_viewport_size({"width": 1400, "height": 900})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_the_colours_of_the_system_and_in_those_that_are_chosen(page: Page, scheme: str) -> None:
    grounds = set()
    for chosen in ("", "light", "dark"):
        page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
        page.locator("#theme").select_option(chosen)
        assert page.evaluate(CONTRASTS) == []
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
    page.emulate_media(color_scheme="light")


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert all(later <= level + 1 for level, later in pairwise(levels))
    for landmark in ("header", "nav[aria-label]", "main", "footer"):
        assert page.locator(f"body > {landmark}").count() == 1
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("html[lang]").count() == 1
    names = page.evaluate(
        "[...document.querySelectorAll('.plot')].map((one) => ['labelledby', 'describedby'].map((what) => "
        "one.getAttribute(`aria-${what}`).split(' ').map((id) => document.getElementById(id).textContent).join(' ')))"
    )
    assert len(names) == page.locator(".chart").count()
    assert all(name.strip() and says.strip() for name, says in names)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("a[href^='#']").count() > 10
    leads = "(one) => document.getElementById(one.hash.slice(1))"
    assert page.evaluate(f"[...document.querySelectorAll('a')].every({leads})")


def test_paper_has_what_can_be_read_and_nothing_to_click(page: Page) -> None:
    page.emulate_media(media="print")
    for hidden in ("nav", ".theme", ".filter", ".controls select", "details"):
        assert not page.locator(hidden).first.is_visible()
    assert page.locator(".plot svg").first.is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    # Chromium does not draw a button again in the head that a table repeats on its next page.
    assert page.evaluate("getComputedStyle(document.querySelector('th button')).display") == "contents"
    page.emulate_media(media="screen")


def test_a_figure_is_saved(page: Page) -> None:
    with page.expect_download() as saved:
        of(page, "training").get_by_role("button", name="Save as SVG").click()
    assert saved.value.suggested_filename.endswith("training.svg")
    assert "gradient variance" in saved.value.path().read_text(encoding="utf-8")


def test_what_strangers_write_is_text(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write_report(hostile(tmp_path / "results"), file, [], pytest.fail)
    one = opened(browser, file)
    for figure in one.page.locator(".chart").all():
        figure.locator("summary").click()
    point = of(one.page, "training").locator("svg .mark-symbol.role-mark").last.locator("path").first
    point.hover(force=True)
    one.page.locator("#vg-tooltip-element.visible").wait_for(timeout=3000)
    assert one.complaints == []
    assert one.page.evaluate("window.pwned") is None
    assert one.page.locator("img").count() == 0
    assert one.page.locator(".chart .plot svg").count() == one.page.locator(".chart").count() > 0
    shown = HOSTILE.replace("\u2028", "\\u2028")
    assert "</script><script>" in one.page.locator("pre").last.inner_text()
    for place in ("h3", "td", ".notes, li", "fieldset label", "details th"):
        assert any(shown in text for text in one.page.locator(place).all_text_contents()), place
    one.page.close()


def test_a_script_that_is_not_the_report_s_own_does_not_run(page: Page) -> None:
    script = "document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.pwned = 3'}))"
    page.evaluate(script)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("fetch('https://example.org').then(() => 'went', () => 'stayed')") == "stayed"


def test_a_report_without_moments_says_so(browser: Browser, grid: Results, tmp_path: Path) -> None:
    empty = Results(grid.gradients.iloc[:0], grid.training.iloc[:0], grid.final, grid.runs)
    write_report(empty, tmp_path / "report.html", [], pytest.fail)
    one = opened(browser, tmp_path / "report.html")
    assert one.complaints == []
    assert "nothing was trained in these results" in one.page.locator("main").inner_text()
    one.page.close()
