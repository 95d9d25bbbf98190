"""`bench run --config FILE`: values have the types of the options, or are refused with file and key."""

from pathlib import Path
from typing import Any

import pytest

from bench.cli.blocks import blocks_of
from bench.cli.run import run
from bench.errors import UsageError
from bench.execution.block import Block
from bench.names.selecting import Pattern
from bench.names.spec import Spec

FILE = Path("sweep.toml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(content: str | bytes, *words: str) -> tuple[dict[str, Any], list[Block]]:
    """Return how a file and a command line have cells run, and the blocks that say which."""
    FILE.write_bytes(content if isinstance(content, bytes) else content.encode())
    with run.make_context("run", ["--config", str(FILE), *words]) as ctx:
        options = {name: value for name, value in ctx.params.items() if name not in ("config", "quiet")}
        return blocks_of(ctx, options, FILE)


def read(content: str | bytes, *words: str) -> dict[str, Any]:
    """Return what a file says to a command line that names a task and an estimator, where the file does not."""
    text = content if isinstance(content, str) else ""
    needed = {"task": "gaussian-quadratic", "estimator": "reinforce"}
    more = [word for key, name in needed.items() if not text.startswith(key) for word in (f"--{key}", name)]
    how, (block,) = asked(content, *words, *more)
    return {**how, **block.settings, "estimators": block.estimators}


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        ("steps = 5", "steps", 5),
        ("samples = 5", "samples", (5,)),
        ("samples = [1, 5]", "samples", (1, 5)),
        ('seeds = "0-2,7"', "seeds", (0, 1, 2, 7)),
        ("model-lr = 1", "model_lr", (1.0,)),
        ("model-lr = 1e-3", "model_lr", (1e-3,)),
        ("guide-lr = [1e-3, 1]", "guide_lr", (1e-3, 1.0)),
        ('learning = ["joint", "em"]', "learning", ("joint", "em")),
        ("no-train = true", "steps", 0),
        ("tf32 = true", "tf32", True),
        ('dtype = "float64"', "dtype", "float64"),
        ('schedule = "staged(stages=3)"', "schedule", ("staged(stages=3)",)),
        ('task = "ppca"', "tasks", (Spec("ppca"),)),
        ('estimator = ["reparam", "stl"]', "estimators", (Spec("reparam"), Spec("stl"))),
        ('estimator = ["all", "stl"]', "estimators", (Pattern("all"), Spec("stl"))),
        ('out = "new"', "out", Path("new")),
        ('out = "~/new"', "out", Path.home() / "new"),
        ('out = "~"', "out", Path.home()),
    ],
)
def test_a_value_is_what_the_command_line_would_make_of_it(content: str, name: str, value: Any) -> None:
    assert read(content)[name] == value


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("steps", "true", "it must be a whole number, not true"),
        ("steps", "5.0", "it must be a whole number, not 5.0"),
        ("steps", '"5"', 'it must be a whole number, not "5"'),
        ("steps", "[5]", "it must be a whole number, not [5]"),
        ("steps", "{ of = 5 }", 'it must be a whole number, not {"of": 5}'),
        ("steps", "-1", "-1 is not in the range x>=0."),
        ("precision", "false", "it must be a number, not false"),
        ("precision", "nan", "nan is not a finite number."),
        ("samples", "[1, [2]]", 'it must be whole numbers, such as 5, [1, 5, 50] or "0-4", not [2]'),
        ("samples", "true", 'it must be whole numbers, such as 5, [1, 5, 50] or "0-4", not true'),
        ("samples", '"1;5"', "'1;5' is not a list of numbers and ranges such as 1,5,50 or 0-4"),
        ("seeds", "1979-05-27", 'it must be whole numbers, such as 5, [1, 5, 50] or "0-4", not "1979-05-27"'),
        ("no-train", "1", "it must be true or false, not 1"),
        ("guide-lr", '[1, "2"]', 'it must be a number, or a list of them, not "2"'),
        ("guide-lr", "[]", "it is an empty list: leave it out, or give a value"),
        ("batch-size", "[5, 0]", "0 is not in the range x>=1."),
        ("estimator", '"vimko"', "there is no estimator 'vimko'; did you mean 'vimco'?"),
        (
            "estimator",
            '"discret:*"',
            "'discret:*': there is no family 'discret' of estimators; did you mean 'discrete'?",
        ),
        ("estimator", '"vimko*"', "no estimator has a name like 'vimko*'; `bench list` names them"),
        ("dtype", "64", "it must be a text in quotes, not 64"),
        ("dtype", '"float16"', "'float16' is not one of 'float32', 'float64'."),
        ("out", "true", "it must be a text in quotes, not true"),
        ("task", "5", "it must be a name in quotes, or a list of them, not 5"),
        ("task", '[["ppca"]]', 'it must be a name in quotes, or a list of them, not ["ppca"]'),
        ("task", '"pcpa"', "there is no task 'pcpa'; did you mean 'ppca'?"),
    ],
)
def test_a_wrong_value_is_refused_with_file_and_key(key: str, value: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(f"{key} = {value}")
    assert str(refused.value) == f"--config sweep.toml: '{key}': {sentence}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("stepz = 3", ": there is no option 'stepz'; did you mean 'steps'?"),
        ("[run]\nsteps = 3", ": there is no option 'run'; options go at the top of the file, or below [[sweep]]"),
        ("quiet = true", ": there is no option 'quiet'"),
        ("[sweep]\nsteps = 3", ": 'sweep' is a list of blocks: write [[sweep]] above each of them"),
        ("sweep = []", ": 'sweep' is a list of blocks: write [[sweep]] above each of them"),
        ("[[sweep]]\nstepz = 3", ": [[sweep]]: there is no option 'stepz'; did you mean 'steps'?"),
        ("[[sweep]]\n[[sweep]]\nsteps = true", ": [[sweep]] 2: 'steps': it must be a whole number, not true"),
        ('[[sweep]]\nout = "R"', ": [[sweep]]: 'out' applies to the whole file: put it at the top, above [[sweep]]"),
        ("exclude = 5", ": 'exclude': it must be a list of tables, such as [{task = \"ppca\", samples = 5}]"),
        ("exclude = [{}]", ": 'exclude': it must have tables, such as {task = \"ppca\", samples = 5}, not {}"),
        ("exclude = [{tsk = 'ppca'}]", ": 'exclude': cells cannot be excluded by 'tsk'; did you mean 'task'?"),
        (
            "exclude = [{seeds = 5}]",
            ": 'exclude': cells cannot be excluded by 'seeds'; there are task, estimator, samples",
        ),
        (
            "exclude = [{samples = true}]",
            ": 'exclude': 'samples': it must be whole numbers, such as 5, [1, 5, 50] or \"0-4\", not true",
        ),
        ("exclude = [{task = 5}]", ": 'exclude': 'task': it must be a name in quotes, or a list of them, not 5"),
        (
            "[estimator.rebor]\nguide-lr = 1",
            ": [estimator.\"rebor\"]: there is no estimator 'rebor'; did you mean 'rebar'?",
        ),
        (
            "[estimator]\nguide-lr = 1",
            ': [estimator."guide-lr"]: it must be a table of settings, not 1',
        ),
        (
            "[estimator.rebar]\nguide-lr = '1'",
            ': [estimator."rebar"]: \'guide-lr\': it must be a number, or a list of them, not "1"',
        ),
        (
            "[estimator.rebar]\nguide-rl = 1",
            ": [estimator.\"rebar\"]: there is no option 'guide-rl'; did you mean 'guide-lr'?",
        ),
        (
            "[estimator.rebar]\nsteps = 1",
            ": [estimator.\"rebar\"]: an estimator cannot have its own 'steps'; it can have samples, batch-size, "
            "optimizer, "
            "model-lr, guide-lr, schedule, model-schedule, guide-schedule, learning, kl-warmup, clip-norm",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_place(content: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(content)
    assert str(refused.value) == f"--config sweep.toml{sentence}"


def test_a_byte_order_mark_is_no_matter() -> None:
    assert read(b"\xef\xbb\xbfsteps = 5")["steps"] == 5


@pytest.mark.parametrize("content", [b"steps = = 5", b"\xff\xfes\x00"])
def test_what_is_not_toml_is_said_not_to_be(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"^--config sweep.toml is not TOML: "):
        read(content)


@pytest.mark.parametrize("names", ["'rebar'", "['rebar', 'relax']"])
def test_estimators_and_their_tables_in_one_place_are_told_where_to_go(names: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(f"estimator = {names}\n[estimator.rebar]\nguide-lr = 1")
    assert str(refused.value).endswith('; beside [estimator."..."], name the estimators below [[sweep]]')


def test_the_command_line_wins() -> None:
    assert read("steps = 5\nsamples = 2", "--steps", "7") | {"samples": None} == read("", "--steps", "7")


def test_a_file_that_is_not_there_is_named() -> None:
    with (
        run.make_context("run", ["--config", "none.toml"]) as ctx,
        pytest.raises(UsageError, match=r"^--config none.toml cannot be read: No such file or directory$"),
    ):
        blocks_of(ctx, ctx.params, Path("none.toml"))
