"""A browser, and reports to open in it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.report.page import write_report
from bench.results.schema import Final
from bench.results.store import Store
from bench.results.tables import Results, load
from tests.bench.figures.grids import make
from tests.bench.results.samples import RUN, cell, gradient, record

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'><!--\u2028${7*7}\"'&lt;"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser; CI has one, and whoever has none is told what is not tested."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("there is no browser: .ci/run installs chromium")
        pytest.skip(f"there is no browser to open a report in: none of {', '.join(NAMES)} is on the path")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Opened:
    """A report that is open, and what the browser said of it."""

    page: Page
    complaints: list[str] = field(default_factory=list)


def opened(browser: Browser, file: Path, width: int = 1400, scheme: str = "light") -> Opened:
    """Open a report and wait until all of its figures are drawn."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # pyright: ignore[reportArgumentType]
    one = Opened(page)
    page.on("console", lambda message: one.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: one.complaints.append(str(error)))
    page.on("dialog", lambda dialog: one.complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: one.complaints.append(request.url) if _leaves(request.url) else None)
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn=all]", timeout=60_000)
    return one


def _leaves(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Return results of three estimators, one of whose cells has failed and one diverged."""
    folder = tmp_path_factory.mktemp("grid") / "results"
    make(folder, samples=(1, 4))
    store = Store(folder)
    odd = {"task": "ppca", "task_parameters": {}, "estimator": "reparam", "estimator_parameters": {}, "samples": 2}
    store.write(record(cell(**odd), status="failed", reason="no space left", gradients=[], final=None))
    lost = Final("nats per datapoint", 40, diverged_at=40)
    store.write(record(cell(**{**odd, "seed": 1}), status="diverged", reason="a NaN at step 40", final=lost))
    return load(folder)


@pytest.fixture(scope="module")
def written(grid: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of the grid."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(grid, file, [], pytest.fail)
    return file


def hostile(folder: Path) -> Results:
    """Return results of a stranger, who has written what runs elsewhere wherever text can stand."""
    store = Store(folder)
    store.write_run(type(RUN)(**{**vars(RUN), "argv": ["bench", "run", "--task", HOSTILE], "cpu": HOSTILE}))
    for number, name in enumerate(("reparam", f"mine:{HOSTILE}", "datum['x']", "a.b[c]")):
        for samples in (1, 4):
            made = cell(
                task=HOSTILE, task_parameters={"a": HOSTILE}, estimator=name, estimator_parameters={}, samples=samples
            )
            moments = [gradient("variance", 1.0 + number, step=step) for step in (0, 10, 100)]
            cost = gradient("seconds", 1e-3, group="all")
            store.write(record(made, notes=[HOSTILE], gradients=[*moments, cost]))
    failed = cell(task=HOSTILE, task_parameters={"a": HOSTILE}, seed=1)
    store.write(record(failed, status="failed", reason=HOSTILE, gradients=[], final=None))
    return load(folder)
