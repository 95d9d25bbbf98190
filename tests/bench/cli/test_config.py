"""`bench run --config FILE`: values have the types of the options, or are refused with file and key."""

from pathlib import Path
from typing import Any

import click
import pytest

from bench.cli.config import with_config
from bench.cli.run import run
from bench.errors import UsageError
from bench.names.spec import Spec

FILE = Path("sweep.toml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(content: str | bytes, *words: str) -> dict[str, Any]:
    """Return the options that a file gives to a command line."""
    FILE.write_bytes(content if isinstance(content, bytes) else content.encode())
    with run.make_context("run", ["--config", str(FILE), *words]) as ctx:
        return with_config(ctx, ctx.params, FILE)


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        ("steps = 5", "steps", 5),
        ("samples = 5", "samples", (5,)),
        ("samples = [1, 5]", "samples", (1, 5)),
        ('seeds = "0-2,7"', "seeds", (0, 1, 2, 7)),
        ("model-lr = 1", "model_lr", 1.0),
        ("model-lr = 1e-3", "model_lr", 1e-3),
        ("no-train = true", "no_train", True),
        ("tf32 = true", "tf32", True),
        ('dtype = "float64"', "dtype", "float64"),
        ('schedule = "staged(stages=3)"', "schedule", "staged(stages=3)"),
        ('task = "ppca"', "tasks", (Spec("ppca"),)),
        ('estimator = ["reparam", "stl"]', "estimators", (Spec("reparam"), Spec("stl"))),
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
        ("samples", "[1, [2]]", 'it must be whole numbers, as 5, [1, 5, 50] or "0-4", not [2]'),
        ("samples", "true", 'it must be whole numbers, as 5, [1, 5, 50] or "0-4", not true'),
        ("samples", '"1;5"', "'1;5' is not a list of numbers and ranges such as 1,5,50 or 0-4"),
        ("seeds", "1979-05-27", 'it must be whole numbers, as 5, [1, 5, 50] or "0-4", not "1979-05-27"'),
        ("no-train", "1", "it must be true or false, not 1"),
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
        ("stepz = 3", "there is no option 'stepz'; did you mean 'steps'?"),
        ("[run]\nsteps = 3", "there is no option 'run'; options stand at the top of the file, in no section"),
    ],
)
def test_an_unknown_key_is_refused_and_so_is_a_section(content: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(content)
    assert str(refused.value) == f"--config sweep.toml: {sentence}"


def test_a_byte_order_mark_is_no_matter() -> None:
    assert read(b"\xef\xbb\xbfsteps = 5")["steps"] == 5


@pytest.mark.parametrize("content", [b"steps = = 5", b"\xff\xfes\x00"])
def test_what_is_not_toml_is_said_not_to_be(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"^--config sweep.toml is not TOML: "):
        read(content)


def test_the_command_line_wins() -> None:
    assert read("steps = 5\nsamples = 2", "--steps", "7") | {"samples": None} == read("", "--steps", "7")


def test_a_file_that_is_not_there_is_named() -> None:
    with (
        click.Context(run) as ctx,
        pytest.raises(UsageError, match=r"^--config none.toml cannot be read: No such file or directory$"),
    ):
        with_config(ctx, {}, Path("none.toml"))
