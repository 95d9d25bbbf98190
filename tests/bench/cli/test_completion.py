"""A shell completes names, with what they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bench.cli import cli


def completed(line: str) -> dict[str, str | None]:
    """Return what stands for the last word of a line, with its help."""
    *words, incomplete = line.split(" ")[1:]
    found = ShellComplete(cli, {}, "bench", "_BENCH_COMPLETE").get_completions(words, incomplete)
    return {item.value: item.help for item in found}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("bench re", {"reproduce", "reference", "report", "results"}),
        ("bench run --task gaussian-m", {"gaussian-mixture", "gaussian-mixture-20"}),
        ("bench run --task ppca --estimator score", {"score-function", "score_function:*"}),
        ("bench run --task ppca --estimator al", {"all"}),
        ("bench run --schedule ", {"constant", "robbins-monro", "staged", "cosine", "exponential", "warmup"}),
        ("bench run --guide-schedule s", {"staged"}),
        ("bench run --model-schedule r", {"robbins-monro"}),
        ("bench run --learning ", {"joint", "em"}),
        ("bench run --optimizer ", {"adam", "sgd", "rmsprop"}),
        ("bench run --kl-warmup ", {"linear", "cyclical"}),
        ("bench check dr", {"dreg"}),
        ("bench check dreg --task pp", {"ppca"}),
        ("bench info pp", {"ppca"}),
        ("bench new ", {"estimator", "task"}),
        ("bench info dr", {"dreg"}),
        ("bench plot vari", {"variance"}),
        ("bench plot variance --task pp", {"ppca"}),
        ("bench plot variance --estimator dr", {"dreg"}),
        ("bench reference --estimator dr", {"dreg"}),
        ("bench reproduce rain", {"rainforth-2018"}),
        ("bench table --metric test_l", {"test_log_likelihood"}),
    ],
)
def test_names_are_completed(line: str, names: set[str]) -> None:
    assert completed(line).keys() == names


def test_a_name_comes_with_what_it_is() -> None:
    assert completed("bench run --estimator reinforce-l") == {"reinforce-loo": "score function, leave-one-out baseline"}
    assert completed("bench run --estimator u2") == {"u2g": "another name of disarm"}


def test_no_shell_waits_for_torch(tmp_path: Path) -> None:
    code = "import atexit, sys; atexit.register(lambda: print({'torch', 'pandas', 'matplotlib'} & {*sys.modules}))\n"
    asked = {"_BENCH_COMPLETE": "bash_complete", "COMP_WORDS": "bench run --estimator u2", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}from bench.cli import main; main()"],
        env={**os.environ, **asked, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "plain,u2g\nset()\n"
