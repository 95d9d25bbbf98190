"""What the site has beside the pages in `docs/`: a page for each estimator and task, and pages from elsewhere."""

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from bench.reproduce import RECIPES
from docs.site.described import Group, estimators, index, page, tasks

_ROOT: Final = Path(__file__).resolve().parents[2]

_ELSEWHERE: Final = {
    "results/README.md": "schema.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files of the repository that are pages, too."""

_LINK: Final = re.compile(r"(?<=\]\()(?P<path>[^)#:]+)(?P<anchor>#[^)]*)?(?=\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of estimators and tasks into the navigation."""
    (reference,) = [entry["Reference"] for entry in config.nav if "Reference" in entry]
    for entry in reference:
        for title, groups in (("Estimators", estimators()), ("Tasks", tasks())):
            if title in entry:
                entry[title] = [_index(title), *({group.title: _paths(title, group)} for group in groups)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made: pages of estimators, of tasks, of recipes, and copies of files that lie elsewhere."""
    for source, name in _ELSEWHERE.items():
        files.append(File.generated(config, name, content=_moved((_ROOT / source).read_text(), source)))
    for title, groups in (("Estimators", estimators()), ("Tasks", tasks())):
        files.append(File.generated(config, _index(title), content=index(title, groups)))
        for group in groups:
            for path, known in zip(_paths(title, group), group.members, strict=True):
                files.append(File.generated(config, path, content=page(known)))
    files.append(File.generated(config, "reproductions.md", content=_reproductions()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links out of `docs/` lead to the copies on the site."""
    return _moved(markdown, f"docs/{page.file.src_uri}") if page.file.generated_by is None else markdown


def _index(title: str) -> str:
    return f"{title.lower()}/index.md"


def _paths(title: str, group: Group) -> list[str]:
    return [f"{title.lower()}/{known['name']}.md" for known in group.members]


def _moved(markdown: str, source: str) -> str:
    """Return the text of a file of the repository, with its links as they are on the site.

    What the site does not have, as code, is named and no link.
    """

    def led(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
        found = _ELSEWHERE.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        return f"{found}{link['anchor'] or ''}" if found else _NOWHERE

    moved = _LINK.sub(led, markdown)
    return re.sub(rf"\[([^\]]+)\]\({re.escape(_NOWHERE)}\)", r"\1", moved)


_NOWHERE: Final = "nowhere"


def _reproductions() -> str:
    lines = [
        "# Reproductions",
        "",
        "`bench reproduce NAME` runs a published experiment, or one of the lecture's, prints published or theoretical "
        "numbers beside ours, and draws its figure. `--quick` is a shorter version that says what it leaves out.",
        "",
        "| recipe | what |",
        "| --- | --- |",
        *(f"| `bench reproduce {name}` | {recipe.summary} |" for name, recipe in RECIPES.items()),
        "",
        "[The lecture](lecture.md) shows what the first of these print, and what to look for.",
    ]
    return "\n".join(lines)
