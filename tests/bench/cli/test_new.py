"""`bench new` writes packages that work as they are, and docs/your-own.md shows them as they are."""

import re
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hatchling.builders.wheel import WheelBuilder

from bench.check.collect import collect
from bench.names.registry import ESTIMATORS, TASKS
from bench.names.spec import Spec
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import ROOT

PAGE = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
KINDS = {"estimator": "my-baseline", "task": "my-model"}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Import what is written anew, and find what is installed anew."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("my_", "test_estimator", "test_task", "questions")):
            del sys.modules[name]
    for registry in (ESTIMATORS, TASKS):
        vars(registry).pop("entries", None)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a package as pip does: its wheel is built, and unpacked where Python looks."""

    def work(folder: str) -> None:
        (wheel,) = WheelBuilder(folder).build(directory=str(tmp_path / "dist"), versions=["standard"])
        zipfile.ZipFile(wheel).extractall(tmp_path / "site")
        monkeypatch.syspath_prepend(tmp_path / "site")
        for registry in (ESTIMATORS, TASKS):
            vars(registry).pop("entries", None)

    return work


def written(folder: str) -> dict[str, str]:
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize(("kind", "name"), KINDS.items())
def test_all_names_follow_from_one(bench: Bench, kind: str, name: str) -> None:
    outcome = bench("new", kind, name, "--out", "work/it")
    assert outcome.code == 0
    module, cls = name.replace("-", "_"), name.title().replace("-", "")
    texts = written("work/it")
    assert outcome.out.split() == sorted(f"work/it/{path}" for path in texts)
    assert texts.keys() == {
        "README.md", "pyproject.toml", f"src/{module}/__init__.py", f"src/{module}/{kind}.py", f"tests/test_{kind}.py"
    }  # fmt: skip
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["name"] == name
    assert project["entry-points"] == {f"bench.{kind}s": {name: f"{module}.{kind}:{cls}"}}
    assert not [path for path, text in texts.items() if re.search(rf"my[-_]?{kind}", path + text, re.IGNORECASE)]
    steps = outcome.err.split("\n  ")
    assert steps[:4] == ["next:", "cd work/it", "pip install -e '.[test]'", "pytest"]
    assert all(name in step for step in steps[4:])
    assert max(map(len, outcome.err.splitlines())) <= 80


@pytest.mark.parametrize(("kind", "name"), KINDS.items())
def test_its_own_tests_pass_as_it_is(
    bench: Bench, kind: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench("new", kind, name)
    monkeypatch.chdir(name)
    code = pytest.main(["-q", "-p", "no:cacheprovider", "-W", "error::UserWarning"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert re.search(r"^[5-9] passed|^\d\d passed", printed, re.MULTILINE), printed


@pytest.mark.parametrize(("kind", "name"), KINDS.items())
def test_once_it_is_installed_it_is_known_by_its_name(
    bench: Bench, install: Callable[[str], None], kind: str, name: str
) -> None:
    bench("new", kind, name)
    install(name)
    assert re.search(rf"^  {name} +from package {name}$", bench("list").out, re.MULTILINE)
    assert bench("info", name).out.startswith(f"{name}: {kind}, ")
    again = bench("new", kind, name, "--out", "again")
    assert again.code == 2
    assert f"'{name}' is taken: it is a" in again.err
    assert f"{kind} from package {name}" in again.err


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("estimator", "MyBaseline", "is not a name for an estimator: use lower-case letters"),
        ("estimator", "MyBaseline", "did you mean 'my-baseline'?"),
        ("task", "my_new model", "did you mean 'my-new-model'?"),
        ("task", "2-moons", "at most 50 characters, such as my-task\n"),
        ("task", 51 * "a", "at most 50 characters, such as my-task\n"),
        ("task", "", "is not a name for a task"),
        ("estimator", "mine:Mine", "is not a name"),
        ("estimator", "reinforce", "is taken: it is an estimator; choose another name"),
        ("task", "reinforce", "is taken: it is an estimator; choose another name"),
        ("estimator", "u2g", "it is another name of the estimator disarm"),
        ("estimator", "pyro-trace", "it is an estimator"),
        ("estimator", "all", "it stands for every estimator that fits"),
        ("task", "class", "`class` is a keyword or built-in name of Python"),
        ("task", "none", "`None` is a keyword or built-in name of Python"),
        ("task", "scikit-learn", "is installed"),
        ("task", "statistics", "there is a module `statistics`"),
        ("task", "tasks", "there is a module `tasks`"),
        ("task", "linear-guide", "the code of a new task uses `LinearGuide` for something else"),
    ],
)
def test_a_name_that_cannot_be_had_is_a_sentence(bench: Bench, kind: str, name: str, words: str) -> None:
    outcome = bench("new", kind, name)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_nothing_is_written_over(bench: Bench) -> None:
    Path("mine").mkdir()
    assert bench("new", "task", "mine").code == 0
    before = written("mine")
    again = bench("new", "estimator", "mine")
    assert (again.code, again.err) == (2, "Error: mine is not empty: give another folder with --out\n")
    file = bench("new", "estimator", "mine", "--out", "mine/README.md")
    assert (file.code, file.err) == (2, "Error: mine/README.md is a file: give another folder with --out\n")
    assert written("mine") == before


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_shows_what_is_written(bench: Bench) -> None:
    shown = dict(zip(KINDS.items(), blocks(), strict=False))
    for (kind, name), code in shown.items():
        bench("new", kind, name)
        assert code == written(name)[f"src/{name.replace('-', '_')}/{kind}.py"]


def test_the_task_without_an_exact_answer_is_sound_and_cannot_be_checked(bench: Bench) -> None:
    (command,) = re.findall(r"^bench (run --task questions.*)$", PAGE, re.MULTILINE)
    Path("questions.py").write_text(blocks()[2], encoding="utf-8")
    missing = bench(*command.split(), "--dry-run")
    assert missing.code == 4
    assert "cannot load its data: FileNotFoundError" in missing.err
    Path("answers.csv").write_text("".join(f"{i % 2},{i % 3 % 2},1,0,{i % 5 % 2}\n" for i in range(60)))
    outcome = bench(*command.split(), "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "2 cells" in outcome.out + outcome.err
    plan = collect(["reinforce"], ["questions:Questions"])
    assert any("no exact value" in line.detail and line.verdict == "not applicable" for line in plan.lines)
    task = TASKS.build(Spec("questions:Questions"))
    estimate = ESTIMATORS.build(Spec("reparam")).estimate(task, task.load().train, 2)
    gradients = torch.autograd.grad(estimate.surrogate.mean(), list(task.parameters()))
    assert all(bool(one.isfinite().all()) and bool(one.any()) for one in gradients)


def test_what_the_page_quotes_is_said() -> None:
    table = PAGE.partition("## What an error means")[2].partition("## What a verdict means")[0]
    quoted = [
        words for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE) for words in re.findall("`(.+?)`", row)
    ]
    code = "".join(path.read_text("utf-8") for room in ("bench", "estimators") for path in (ROOT / room).rglob("*.py"))
    assert len(quoted) > 10
    assert [words for words in quoted if words not in code] == []
