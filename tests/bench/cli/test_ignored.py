"""Options that would do nothing are refused: an experiment has one id."""

from pathlib import Path

import pytest

from tests.bench.cli.conftest import Bench

TOY = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--dry-run")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--no-train", "--steps", "5"), "--no-train trains nothing, but --steps 5 does: give only one of them"),
        (("--replicates", "100", "--precision", "0.1"), "--replicates measures exactly that many gradients,"),
        (("--replicates", "100", "--precision", "0.05"), "give only one of them"),
        *(
            ((*untrained, *option), f"without training there is nothing for {' '.join(said)} to do")
            for untrained in (("--no-train",), ("--steps", "0"))
            for option, said in (
                (("--optimizer", "sgd"), ["--optimizer"]),
                (("--model-lr", "0.1"), ["--model-lr"]),
                (("--schedule", "robbins-monro"), ["--schedule"]),
                (("--model-schedule", "constant"), ["--model-schedule"]),
                (("--guide-schedule", "constant"), ["--guide-schedule"]),
                (("--learning", "em(guide_steps=2)"), ["--learning"]),
                (("--kl-warmup", "5"), ["--kl-warmup"]),
                (("--clip-norm", "1"), ["--clip-norm"]),
                (("--checkpoints", "3"), ["--checkpoints"]),
                (("--at", "shared"), ["--at shared"]),
                (("--checkpoints", "3", "--optimizer", "sgd"), ["--optimizer, --checkpoints"]),
            )
        ),
    ],
)
def test_what_would_do_nothing_is_refused(bench: Bench, options: tuple[str, ...], words: str) -> None:
    outcome = bench(*TOY, *options)
    assert outcome.code == 2
    assert words in outcome.err


@pytest.mark.parametrize("options", [("--no-train", "--steps", "0"), ("--no-train", "--guide-lr", "0.1")])
def test_what_says_the_same_twice_or_does_something_is_taken(bench: Bench, options: tuple[str, ...]) -> None:
    assert bench(*TOY, *options).code == 0


@pytest.mark.parametrize(
    ("file", "options", "code"),
    [
        ("steps = 50\nat = 'own'\noptimizer = 'sgd'\ncheckpoints = 2", ("--no-train",), 0),
        ("no-train = true", ("--steps", "5", "--optimizer", "sgd"), 0),
        ("precision = 0.1", ("--replicates", "100"), 0),
        ("replicates = 100", ("--precision", "0.1"), 0),
        ("replicates = 100\nprecision = 0.1", (), 2),
        ("no-train = true\nsteps = 5", (), 2),
    ],
)
def test_the_command_line_wins_over_a_file(bench: Bench, file: str, options: tuple[str, ...], code: int) -> None:
    Path("sweep.toml").write_text(file)
    assert bench(*TOY, "--config", "sweep.toml", *options).code == code
