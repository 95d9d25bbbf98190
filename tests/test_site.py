"""The site of docs/ is built without a warning: every link leads somewhere, and every estimator and task has a page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import estimators
import tasks

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # `--strict` makes an error of each warning, as of a link or an anchor that leads nowhere.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def links(page: Path) -> set[Path]:
    """Return the pages that a page has links to."""
    found = re.findall(r'href="([^"#:]+)[^"]*"', page.read_text(encoding="utf-8"))
    return {(page.parent / link / "index.html").resolve() for link in found}


def test_every_estimator_and_task_has_a_page(site: Path) -> None:
    for folder, index in (("estimators", estimators.INDEX), ("tasks", tasks.INDEX)):
        there = {page.parent.name for page in (site / folder).glob("*/index.html")}
        assert there == set(index)
    page = re.sub("<[^>]*>", "", (site / "estimators" / "disarm" / "index.html").read_text(encoding="utf-8"))
    assert "Dong, Mnih &amp; Tucker 2020" in page
    assert "bench run --task bernoulli-quadratic --estimator disarm" in page


def test_what_a_newcomer_looks_for_is_two_clicks_away(site: Path) -> None:
    start = site / "index.html"
    first = {page for page in links(start) if page.is_file()}
    second = {page for one in first for page in links(one)}
    assert (site / "ci" / "index.html").resolve() in first
    for page in ("estimators/rebar", "tasks/vae-mnist", "exit-codes", "schema", "api", "reproductions"):
        assert (site / page / "index.html").resolve() in first | second, page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*\ssrc="(https?:)?//|<link[^>]*rel="stylesheet"[^>]*href="(https?:)?//'
    )
    for page in site.rglob("*.html"):
        assert loaded.search(page.read_text(encoding="utf-8")) is None, page
